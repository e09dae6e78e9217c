"""Alarms: the instants that entities asked for, delivered once each, after a restart too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from messages.base import Alarm, encode
from messages.envelope import ALARM, Address, Envelope, derive, instant
from store.store import Store

PAGE = 256
LOOK_SECONDS_MAX = 1.0
"""An alarm that was set meanwhile is seen after this at the latest."""
SECOND = 1_000_000


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


async def ring(
    store: Store, clock: Callable[[], int], deliver: Callable[[Envelope], asyncio.Future[None]]
) -> None:
    """Deliver alarms for ever; ``deliver`` returns what is done once the alarm is handled."""
    while True:
        envelopes = await due(store, clock())
        if envelopes:
            await asyncio.gather(*(deliver(envelope) for envelope in envelopes))
            continue
        coming = await store.next_alarm()
        wait = LOOK_SECONDS_MAX if coming is None else (coming - clock()) / SECOND
        await asyncio.sleep(min(max(wait, 0.0), LOOK_SECONDS_MAX))
