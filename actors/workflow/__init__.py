"""A workflow: its definition, versions and triggers, its plan, and its starts."""
