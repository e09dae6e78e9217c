"""Paths of requirements."""

from __future__ import annotations

from actors.flags.schema import Schema


def shortest_path(schema: Schema, start: str, end: str) -> tuple[str, ...]:
    """Return the flags from one to another that it requires, the first as declared of several; or nothing."""
    return schema.names(schema.needs.path(schema.number(start), schema.number(end)))
