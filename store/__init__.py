"""What is remembered: one SQLite file a node, one transaction a batch."""
