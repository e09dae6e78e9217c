"""Definitions as documents: what may be saved, and the rows of actions that they are projected to."""
