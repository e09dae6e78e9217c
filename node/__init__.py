"""What runs it all: batches, alarms, relay, links, and the wiring."""
