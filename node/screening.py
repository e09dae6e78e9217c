"""Where messages wait that are looked at before they are decided on, and others for the same entity."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from messages.envelope import ACTOR, Envelope
from node.examining import EXAMINED_AT_ONCE, Examiner
from node.handle import Result
from node.live import Key

HELD_MAX = 10_000
"""How many may wait here; more than the bus delivers unacknowledged."""
WORKING_SECONDS = 10.0
"""How often the bus is told that a message is still in hand: it would deliver it again."""

Finish = Callable[[Result], Awaitable[None]]


class Item(NamedTuple):
    """A message to handle, and what to do once its outcome is committed."""

    envelope: Envelope
    finish: Finish
    working: Callable[[], Awaitable[None]] | None = None
    """Tells who delivered it that it still waits."""

    @property
    def key(self) -> Key:
        """The entity that it is for."""
        return self.envelope.to.kind, self.envelope.to.id


class Waiting(NamedTuple):
    """A message that waits, and those before it that it must not overtake."""

    item: Item
    before: tuple[asyncio.Event, ...]
    is_in: asyncio.Event


class Screening:
    """Keeps the order of each entity, and of what one sender says durably of a kind; nobody else waits."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner
        self._gate = asyncio.Semaphore(EXAMINED_AT_ONCE)
        self._last: dict[Hashable, asyncio.Event] = {}
        """By lane, when the last one that waits in it is let in."""
        self._held: dict[int, Item] = {}
        self._turns: asyncio.Queue[Waiting] = asyncio.Queue()

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._held)

    def holds(self, item: Item) -> bool:
        """Say whether a message has to wait, and let it."""
        lanes = _lanes(item)
        before = tuple(self._last[lane] for lane in lanes if lane in self._last)
        if not before and not self._wants(item):
            return False
        waiting = Waiting(item, before, asyncio.Event())
        self._last |= dict.fromkeys(lanes, waiting.is_in)
        self._held[id(waiting.is_in)] = item
        self._turns.put_nowait(waiting)
        return True

    async def run(self, let_in: Callable[[Item], None]) -> None:
        """Look at what waits; until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._examiner.keep())
            group.create_task(self._say_working())
            while True:
                group.create_task(self._pass(await self._turns.get(), let_in))

    async def _pass(self, waiting: Waiting, let_in: Callable[[Item], None]) -> None:
        for one in waiting.before:
            await one.wait()
        item = waiting.item
        if self._wants(item):
            async with self._gate:
                item = item._replace(envelope=await self._examiner.examined(item.envelope))
        let_in(item)
        waiting.is_in.set()
        del self._held[id(waiting.is_in)]
        for lane in _lanes(item):
            if self._last[lane] is waiting.is_in:
                del self._last[lane]

    def _wants(self, item: Item) -> bool:
        said = item.envelope
        return said.fault is None and self._examiner.wants(said.to.kind, said.verb, said.body)

    async def _say_working(self) -> None:
        while True:
            await asyncio.sleep(WORKING_SECONDS)
            for item in list(self._held.values()):
                if item.working is not None:
                    await item.working()


def _lanes(item: Item) -> list[Hashable]:
    """Return in what orders it is: of its entity, and of its sender when that waits for no answer."""
    said = item.envelope
    is_in_a_row = item.working is not None and said.sender != ACTOR
    return [item.key, *([("of", said.to.kind, said.sender, said.proof)] if is_in_a_row else [])]
