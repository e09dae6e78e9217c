"""What an operator types: one more client of the node's bus."""

from cli import lazy

lazy.defer()
