"""Workspaces, and those that are shared with peers."""
