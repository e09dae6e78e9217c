"""The intake: everything that is to be handled waits here, and goes to the engine in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from messages.envelope import Envelope, Outcome
from node.engine import Engine
from node.handle import Result

BATCH = 1024
WAITING_MAX = 100_000
"""What may wait in memory; the bound of what consumers deliver unacknowledged keeps it far below."""
NOTE_SECONDS = 0.05
"""How long the note of what was sent may wait for a batch to ride on."""

Finish = Callable[[Result], Awaitable[None]]


class Overloaded(Exception):
    """More waits than the node can take; the sender may try again."""


class Item(NamedTuple):
    """A message to handle, and what to do once its outcome is committed."""

    envelope: Envelope
    finish: Finish


class Intake:
    """The one queue in front of the engine."""

    def __init__(
        self,
        engine: Engine,
        relay: Callable[[Sequence[Result]], None],
        reach: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._engine = engine
        self._relay = relay
        self._reach = reach
        self._waiting: deque[Item] = deque()
        self._sent: list[tuple[int, int]] = []
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.handled = 0

    def put(self, envelope: Envelope, finish: Finish) -> None:
        """Let a message wait for its turn."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded(f"{WAITING_MAX} messages wait already")
        self._waiting.append(Item(envelope, finish))
        self._empty.clear()
        self._wake.set()

    def note_sent(self, sent: Sequence[tuple[int, int]]) -> None:
        """Remember what the broker has; it is written with the next batch, or soon."""
        if not self._sent:
            asyncio.get_running_loop().call_later(NOTE_SECONDS, self._wake.set)
        self._sent += sent

    async def call(self, envelope: Envelope) -> bytes:
        """Handle one message and return its outcome."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def finish(result: Result) -> None:
            if not result.outcome:
                again = msgspec.structs.replace(envelope, attempt=result.envelope.attempt + 1)
                self.put(again, finish)
            elif not answer.done():
                answer.set_result(result.outcome)

        self.put(envelope, finish)
        return await answer

    async def run(self) -> None:
        """Handle batches for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._sent:
                await self._batch()
            self._empty.set()

    async def wait_empty(self) -> None:
        """Return when all that was put has been handled and noted."""
        if self._sent:
            self._empty.clear()
            self._wake.set()
        await self._empty.wait()

    async def _batch(self) -> None:
        items = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        sent, self._sent = self._sent, []
        if items:
            self._reach("fetched")
        results = await self._engine.handle([item.envelope for item in items], sent)
        if not items:
            return
        self._reach("after_commit")
        self._relay(results)
        self._reach("before_ack")
        for item, result in zip(items, results, strict=True):
            await item.finish(result)
        self._reach("after_ack")
        self.handled += len(items)


def outcome_of(data: bytes) -> Outcome:
    """Read the outcome of a command."""
    return msgspec.json.decode(data, type=Outcome)
