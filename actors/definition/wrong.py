"""One fault of a definition."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    """Where a document is wrong, and what to do about it."""

    at: str
    """The JSON pointer."""
    detail: str
