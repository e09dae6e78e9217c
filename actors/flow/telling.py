"""What is told of the events of one message: those that come at once and say one thing are one event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from messages.base import encode
from messages.run_events import Event
from messages.task_events import Entered, Returned, Settled, TaskEnded, TaskStarted


def told(events: Sequence[Event]) -> list[Event]:
    """Return what is recorded of events that one message led to; it leads to the same state."""
    return [event for _, event in placed(events)]


def placed(events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    """Yield each event that is recorded, and the place of the last of those that it stands for."""
    last: Event | None = None
    was_said = True
    for place, event in enumerate(events):
        if last is not None:
            one = _one(last, event, was_said=was_said)
            if one is not None:
                last = one
                continue
            yield place - 1, last
            was_said = isinstance(last, Settled)
        last = event
    if last is not None:
        yield len(events) - 1, last


def reached(event: TaskStarted) -> Entered | None:
    """Return that a task is reached, when that is told along with its start."""
    if event.parent is msgspec.UNSET:
        return None
    raw = event.input if event.raw is msgspec.UNSET else event.raw
    return Entered(frame=event.frame, pointer=event.pointer, parent=event.parent, raw=raw)


def _one(first: Event, then: Event, *, was_said: bool) -> Event | None:
    """Return what stands for two events, the first of which may be what somebody has said."""
    if isinstance(then, TaskStarted) and isinstance(first, Entered):
        is_plain = first.frame == then.frame and not first.variables and first.deadline is None
        raw = msgspec.UNSET if _is_same(first.raw, then.input) else first.raw
        return replace(then, parent=first.parent, raw=raw) if is_plain else None
    if isinstance(then, TaskEnded) and isinstance(first, Returned):
        # an answer that came from outside stays what it was, whatever is made of it
        is_plain = first.frame == then.frame and not was_said
        return then if is_plain and _is_same(first.output, then.output) else None
    return None


def _is_same(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON; for Python 1, 1.0 and true are equal."""
    return one is other or encode(one) == encode(other)
