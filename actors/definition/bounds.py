"""How large a definition may be: it is in the messages that begin its runs."""

from __future__ import annotations

from typing import Any

import msgspec

BYTES_MAX = 48 * 1024
DEPTH_MAX = 28
"""How many objects and lists may stand in each other: four less than a message may have."""
TASKS_MAX = 500


def exceeded(document: Any) -> str:
    """Return which bound a document passes, nothing when it passes none."""
    deep = _depth(document)
    if deep > DEPTH_MAX:
        return (
            f"objects and lists are nested more than {DEPTH_MAX} deep; call a function, or another workflow"
        )
    size = len(msgspec.json.encode(document))
    if size > BYTES_MAX:
        return f"the definition has {size} bytes, at most {BYTES_MAX} are taken; call other workflows"
    return ""


def _depth(document: Any) -> int:
    """Return how deeply a value is nested, as far as it matters."""
    level, deep = [document], 0
    while level and deep <= DEPTH_MAX:
        level = [inner for value in level for inner in _within(value)]
        deep += bool(level)
    return deep


def _within(value: Any) -> list[Any]:
    """Return what stands directly in an object or a list."""
    if isinstance(value, dict):
        return list(value.values()) or [None]
    return (value or [None]) if isinstance(value, list) else []
