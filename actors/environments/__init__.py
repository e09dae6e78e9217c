"""Environments, what belongs to them, and the way from one to the next."""
