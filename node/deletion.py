"""What becomes of a deleted entity: its events go after a while, and later, of some kinds, its id is free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from actors.actor import Actor, no_summary
from messages.envelope import instant

PURGE = "~purge"
FREE = "~free"
OWN = frozenset({PURGE, FREE})
"""The alarms of the engine itself; no actor hears of them."""
PURGE_DAYS = 15
FREE_DAYS = 30


def alarms(actor: Actor[Any, Any, Any], state: Any, deleted_at: int | None) -> Mapping[str, datetime]:
    """Return the instants that the entity waits for, and the engine for it."""
    wanted = actor.alarms(state)
    if deleted_at is None:
        return wanted
    since = instant(deleted_at)
    own = {PURGE: since + timedelta(days=PURGE_DAYS)}
    if actor.ids_return:
        own[FREE] = since + timedelta(days=FREE_DAYS)
    return {**wanted, **own}


def deleted_since(
    actor: Actor[Any, Any, Any], before: tuple[Any, int | None], events: Iterable[tuple[Any, int]]
) -> int | None:
    """Return the instant since which an entity is deleted that stands in no listing after these events.

    ``before`` is its state before them and since when it was deleted then; each event has its instant.
    """
    state, since = before
    if actor.summary is no_summary:
        return None
    was_listed = actor.summary(state) is not None
    for event, at in events:
        state = actor.evolve(state, event)
        is_listed = actor.summary(state) is not None
        if is_listed:
            since = None
        elif was_listed:
            since = at
        was_listed = is_listed
    return since
