"""Alarms: the instants that entities asked for, delivered once each, after a restart too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from messages.base import Alarm, encode
from messages.envelope import ALARM, Address, Envelope, derive, instant
from store.store import Store

PAGE = 256
SECOND = 1_000_000
NEVER = 2**62
LOOK_MICROS_MAX = SECOND
"""The clock may be set meanwhile: that is seen after this at the latest."""


async def due(store: Store, now: int, limit: int = PAGE) -> list[Envelope]:
    """Return the alarms whose instant has come, as messages."""
    return [
        Envelope(
            # one delivery each: the row goes with the step, so no inbox is needed to keep it single
            id=derive(f"{kind}.{id}", f"{name}@{at}#{now}"),
            to=Address(kind, id),
            verb="alarm",
            body=encode(Alarm(name=name, due=instant(at))),
            at=now,
            sender=ALARM,
        )
        for kind, id, name, at in await store.due(now, limit)
    ]


class Bell:
    """Wakes who waits for the next alarm when an earlier one is set."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._until = NEVER

    def look(self) -> None:
        """Begin to find out which alarm is next: each that is set from now on counts."""
        self._wake.clear()
        self._until = NEVER

    def note(self, at: int) -> None:
        """Know of an alarm that was set, in microseconds since 1970."""
        if at < self._until:
            self._wake.set()

    async def wait(self, until: int, seconds: float) -> None:
        """Return after so long, which is until the instant, or when an earlier alarm is set."""
        self._until = until
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


async def ring(
    store: Store,
    clock: Callable[[], int],
    deliver: Callable[[Envelope], asyncio.Future[None]],
    bell: Bell,
) -> None:
    """Deliver alarms for ever; ``deliver`` returns what is done once the alarm is handled."""
    while True:
        bell.look()
        envelopes = await due(store, clock())
        if envelopes:
            await asyncio.gather(*(deliver(envelope) for envelope in envelopes))
            continue
        coming = await store.next_alarm()
        now = clock()
        until = min(now + LOOK_MICROS_MAX, now + LOOK_MICROS_MAX if coming is None else coming)
        await bell.wait(until, max(until - now, 0) / SECOND)
