"""Where messages wait that are looked at before they are decided on, and others for the same entity."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from messages.envelope import Envelope
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


class Screening:
    """Keeps the order of each entity; who is not held up here never waits."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner
        self._held: dict[Key, deque[Item]] = {}
        """By entity, in the order of coming; the first one is to be looked at."""
        self._turns: asyncio.Queue[Key] = asyncio.Queue()
        self.count = 0

    def holds(self, item: Item) -> bool:
        """Say whether a message has to wait, and let it."""
        behind = self._held.get(item.key) if self._held else None
        if behind is None:
            if not self._wants(item):
                return False
            behind = self._held[item.key] = deque()
            self._turns.put_nowait(item.key)
        behind.append(item)
        self.count += 1
        return True

    async def run(self, let_in: Callable[[Item], None]) -> None:
        """Look at what waits; until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._examiner.keep())
            group.create_task(self._say_working())
            for _ in range(EXAMINED_AT_ONCE):
                group.create_task(self._look(let_in))

    async def _look(self, let_in: Callable[[Item], None]) -> None:
        while True:
            key = await self._turns.get()
            behind = self._held[key]
            envelope = await self._examiner.examined(behind[0].envelope)
            let_in(self._next(behind)._replace(envelope=envelope))
            while behind and not self._wants(behind[0]):
                let_in(self._next(behind))
            if behind:
                self._turns.put_nowait(key)  # others go first
            else:
                del self._held[key]

    def _wants(self, item: Item) -> bool:
        said = item.envelope
        return said.fault is None and self._examiner.wants(said.to.kind, said.verb, said.body)

    def _next(self, behind: deque[Item]) -> Item:
        self.count -= 1
        return behind.popleft()

    async def _say_working(self) -> None:
        while True:
            await asyncio.sleep(WORKING_SECONDS)
            for item in [one for behind in self._held.values() for one in behind]:
                if item.working is not None:
                    await item.working()
