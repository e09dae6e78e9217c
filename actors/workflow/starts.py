"""Which executions of a workflow are being started, wait, or are being stopped; and whether it is paused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from messages.starting import Backfilled, Fired, How, Paused, Resumed, Slot, Waiting

BACKFILLS = 100
"""How many backfills are remembered, so that none is done again."""

Event: TypeAlias = Fired | Paused | Resumed | Backfilled


class Pause(msgspec.Struct, frozen=True):
    """A pause, or the last one that there was."""

    since: datetime
    note: str
    author: str
    until: datetime | None = None


class Starts(msgspec.Struct, frozen=True, kw_only=True):
    """What has come due and has not ended."""

    starting: tuple[str, ...] = ()
    """Those that were told to start, and have not said yet that they did."""
    waiting: tuple[Waiting, ...] = ()
    stopping: dict[str, How] = {}
    """Those that run and were told to make way."""
    pause: Pause | None = None
    backfills: tuple[str, ...] = ()

    @property
    def is_paused(self) -> bool:
        """Say whether nothing that is scheduled begins."""
        return self.pause is not None and self.pause.until is None

    @property
    def waiting_ids(self) -> frozenset[str]:
        """The executions that wait for the end of another."""
        return frozenset(one.slot.execution for one in self.waiting)


def begins(slot: Slot) -> datetime:
    """Return when an execution begins: at its start, or later by its share of the jitter."""
    return slot.start + timedelta(seconds=slot.delay_seconds)


def evolve(starts: Starts, event: Event) -> Starts:
    """Follow what comes due."""
    match event:
        case Fired():
            begun = tuple(one.slot.execution for one in event.started)
            stopping = {**starts.stopping, **dict.fromkeys(event.stopped, event.how)}
            skipped = [one.execution for one in event.skipped]
            waiting = without(starts, [*begun, *skipped]).waiting + event.waiting
            return replace(starts, starting=(*starts.starting, *begun), waiting=waiting, stopping=stopping)
        case Paused():
            return replace(starts, pause=Pause(event.at, event.note, event.author))
        case Resumed():
            pause = starts.pause
            return starts if pause is None else replace(starts, pause=replace(pause, until=event.at))
        case Backfilled():
            known = (*starts.backfills, event.backfill)[-BACKFILLS:]
            more = tuple(Waiting(slot=slot, overlap=event.overlap) for slot in event.slots)
            return replace(starts, backfills=known, waiting=starts.waiting + more)
    assert_never(event)


def noted(starts: Starts, execution: str, *, is_over: bool) -> Starts:
    """Know that an execution has started or ended."""
    return replace(
        starts,
        starting=tuple(one for one in starts.starting if one != execution),
        waiting=tuple(one for one in starts.waiting if one.slot.execution != execution),
        stopping={id: how for id, how in starts.stopping.items() if not is_over or id != execution},
    )


def without(starts: Starts, removed: Iterable[str]) -> Starts:
    """Let what is no longer planned wait no longer."""
    gone = frozenset(removed)
    return replace(starts, waiting=tuple(one for one in starts.waiting if one.slot.execution not in gone))
