"""How long a run of a job or a routine is kept once it has ended: then it is deleted, and forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from actors.actor import Rejected, Turn

KEPT = timedelta(days=30)
"""From its end; with it goes what it has left."""
DELETE = "delete"
"""The alarm."""


def alarms(ended_at: datetime) -> Mapping[str, datetime]:
    """Want to be deleted when the time is over."""
    return {DELETE: ended_at + KEPT}


def deleted(turn: Turn) -> Rejected:
    """Return the refusal of what is said to one that was deleted, until its id is free."""
    return Rejected("deleted", f"{turn.me.id} was deleted; take another id")


def under_way(turn: Turn) -> Rejected:
    """Return the refusal to delete what has not ended."""
    return Rejected("started", f"{turn.me.id} has not ended; cancel it first, or wait for its end")
