"""The intake: everything that is to be handled waits here, and goes to the engine in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from messages.envelope import Envelope, Outcome
from node.batch import Batch
from node.engine import Draft, Engine
from node.handle import Result
from node.handover import Handover
from node.screening import HELD_MAX, Finish, Item, Screening

BATCH = 1024
WAITING_MAX = 100_000
"""What may wait in memory; the bound of what consumers deliver unacknowledged keeps it far below."""
NOTE_SECONDS = 0.05
"""How long the note of what was sent may wait for a batch to ride on."""


class Overloaded(Exception):
    """More waits than the node can take; the sender may try again."""


class Taken(NamedTuple):
    """A batch that is decided, and waits to be written."""

    items: Sequence[Item]
    draft: Draft


class Intake:
    """The one queue in front of the engine."""

    def __init__(
        self,
        engine: Engine,
        relay: Callable[[Sequence[Result]], None],
        reach: Callable[[str], None] = lambda _point: None,
        handover: Handover | None = None,
        screening: Screening | None = None,
    ) -> None:
        """Without a ``handover`` the bus carries all orders, without a ``screening`` nothing is held up."""
        self._engine = engine
        self._handover = handover
        self._screening = screening
        self._relay = relay
        self._reach = reach
        self._waiting: deque[Item] = deque()
        self._sent: list[tuple[int, int]] = []
        self._soon: asyncio.TimerHandle | None = None
        self._is_due = False
        """Whether what was sent has waited long enough for a batch to ride on."""
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.handled = 0

    def put(
        self, envelope: Envelope, finish: Finish, working: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Let a message wait for its turn; ``working`` says to who delivered it that it waits for long."""
        if len(self._waiting) >= WAITING_MAX or self._held >= HELD_MAX:
            raise Overloaded(f"{WAITING_MAX} messages wait already, or {HELD_MAX} to be looked at")
        item = Item(envelope, finish, working)
        self._empty.clear()
        if self._screening is None or not self._screening.holds(item):
            self._let_in(item)

    @property
    def _held(self) -> int:
        return self._screening.count if self._screening is not None else 0

    async def screen(self) -> None:
        """Look at what has to be looked at before it is decided on; until it is cancelled."""
        if self._screening is not None:
            await self._screening.run(self._let_in)

    def _let_in(self, item: Item) -> None:
        self._waiting.append(item)
        self._wake.set()

    def note_sent(self, sent: Sequence[tuple[int, int]]) -> None:
        """Remember what the broker has; it is written with the next batch, or soon."""
        if not self._sent:
            self._soon = asyncio.get_running_loop().call_later(NOTE_SECONDS, self._be_due)
        self._sent += sent

    def _be_due(self) -> None:
        self._is_due = True
        self._wake.set()

    def _take_sent(self) -> list[tuple[int, int]]:
        if self._soon is not None:
            self._soon.cancel()
        sent, self._sent, self._is_due = self._sent, [], False
        return sent

    async def write_notes(self) -> None:
        """Write now what the broker has, so that nothing says so later of a broker that has lost it."""
        await self._engine.note_sent(self._take_sent())

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
        """Handle batches for ever: one is decided while the one before it is written."""
        taken: Taken | None = None
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or taken or (self._sent and self._is_due):
                taken = await self._advance(taken)
            if not (self._held or self._sent):
                self._empty.set()

    async def wait_empty(self) -> None:
        """Return when all that was put has been handled and noted."""
        if self._sent:
            self._empty.clear()
            self._be_due()
        await self._empty.wait()

    async def _advance(self, taken: Taken | None) -> Taken | None:
        """Write the batch that is decided, and decide the next one meanwhile."""
        items = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if items:
            self._reach("fetched")
        async with asyncio.TaskGroup() as group:
            # in this order, so that the one connection reads before it is busy with the writing
            reading = group.create_task(self._prepare(items)) if items else None
            # what was sent rides on a batch: a transaction of its own would be waited for by the next one
            writing = group.create_task(self._write(taken)) if taken or not items else None
            draft = None
            if reading is not None:
                draft = await self._decide(await reading, taken.draft if taken else None)
        if draft is None:
            return None
        if writing is not None and not writing.result():
            # what it was decided on did not come to be
            await self._engine.forget(draft)
            draft = await self._decide(await self._prepare(items))
        return Taken(items, draft)

    async def _prepare(self, items: Sequence[Item]) -> Batch:
        return await self._engine.prepare([item.envelope for item in items])

    async def _decide(self, batch: Batch, after: Draft | None = None) -> Draft:
        draft = self._engine.decide(batch, after)
        return draft if self._handover is None else await self._handover.follow(draft, after)

    async def _write(self, taken: Taken | None) -> bool:
        """Write a batch and finish its messages; False when that took more than the draft of it."""
        sent = self._take_sent()
        if taken is None:
            await self._engine.note_sent(sent)
            return True
        results = await self._engine.commit(taken.draft, sent)
        is_clean = results is not None
        if results is None:
            results = await self._engine.redo(taken.draft)
        self._reach("after_commit")
        if self._handover is not None:
            self._handover.committed(results, taken.draft if is_clean else None)
        self._relay(results)
        self._reach("before_ack")
        for item, result in zip(taken.items, results[: len(taken.items)], strict=True):
            await item.finish(result)
        self._reach("after_ack")
        self.handled += len(results)
        return is_clean


def outcome_of(data: bytes) -> Outcome:
    """Read the outcome of a command."""
    return msgspec.json.decode(data, type=Outcome)
