"""A worker: takes the tasks of a durable consumer, a few at a time, and tells that it is at them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from bus.client import Bus
from bus.consumer import Consumer, Delivery
from bus.streams import TASKS, WORK_ACK_WAIT_SECONDS, ConsumerSettings
from bus.tasks import end
from messages import subjects
from messages.envelope import derive
from messages.ephemeral import Advance
from node.workers.desk import Handed
from node.workers.runner import LeftToOthers, Work

BEAT_SECONDS = 1.0
"""How often it says that it is still at what it has in hand."""
LATE_SECONDS = float(WORK_ACK_WAIT_SECONDS)
"""After so long without a beat of ours somebody else has our work."""
ATTEMPTS_MAX = 10
"""How often a task is tried that fails unexpectedly."""
RETRY_SECONDS_FIRST = 0.5
RETRY_DOUBLINGS_MAX = 6
ENSURE_SECONDS = 1.0
"""How long to wait for a node that has not made its streams yet."""
FINISH_SECONDS = 5.0
"""How long a worker that stops goes on with what it has in hand; what is left is let go of."""

_LOG = logging.getLogger("covey.worker")

Do = Callable[[str, Delivery | Handed], Awaitable[None]]
"""Does a task, which has the same id at each delivery."""
Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Runs something beside the caller."""


@dataclass
class Held:
    """A task in hand: the newest of its deliveries is the one that counts."""

    delivery: Delivery | Handed
    task: asyncio.Task[None] | None = None
    is_lost: bool = False
    is_handed: bool = False
    """Whether it did not come over the bus, so that nobody else can have it."""


class Worker:
    """One reader of one durable consumer that it may share with others."""

    def __init__(self, bus: Bus, source: ConsumerSettings, hands: int, do: Do, start: Start) -> None:
        self._bus = bus
        self._source = source
        self._hands = hands
        self._free_hands = asyncio.Semaphore(hands)
        self._do = do
        self._start = start
        self._held: dict[str, Held] = {}
        self._consumer: Consumer | None = None
        self._beating: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def open(self) -> None:
        """Begin to take tasks; raises ConnectionError when the stream is not there."""
        await self._ensure()
        self._consumer = await self._bus.consume(
            TASKS, self._source.name, buffer=self._hands, is_handed=True, on_delivery=self._take
        )
        self._beating = self._start(self._beat())

    async def stop(self, finish_seconds: float = FINISH_SECONDS) -> None:
        """Take nothing new, finish what is in hand or let go of it."""
        self._is_stopping = True
        if self._consumer is not None:
            await self._consumer.stop()
        running = [held.task for held in self._held.values() if held.task is not None]
        if running:
            await asyncio.wait(running, timeout=finish_seconds)
        await end(running)
        if self._beating is not None:
            await end([self._beating])

    async def restore(self) -> None:
        """Make the consumer again where a server came back without it; goes on until that is known."""
        while True:
            try:
                await self._ensure()
                return
            except (OSError, RuntimeError) as error:
                _LOG.warning("%s", error)
                await asyncio.sleep(ENSURE_SECONDS)

    async def _ensure(self) -> None:
        for line in await self._bus.ensure_consumer(TASKS, self._source):
            _LOG.warning("the consumer setting %s", line)

    def hand(self, delivery: Handed) -> bool:
        """Take a task that did not come over the bus; False when no hand is free."""
        id = delivery.headers[subjects.CE_ID]
        if self._consumer is None or self._is_stopping or len(self._held) >= self._hands or id in self._held:
            return False
        held = self._held[id] = Held(delivery, is_handed=True)
        held.task = self._start(self._handle(id, held))
        return True

    def _take(self, delivery: Delivery) -> None:
        id = delivery.headers.get(subjects.CE_ID) or derive(str(delivery.at), delivery.sequence)
        if id in self._held:  # it came again because we could not tell that we are at it
            self._held[id].delivery = delivery
            self._start(self._free())
            return
        held = self._held[id] = Held(delivery)
        held.task = self._start(self._handle(id, held))

    async def _handle(self, id: str, held: Held) -> None:
        attempt = held.delivery.attempts
        try:
            async with self._free_hands:
                await self._do(id, held.delivery)
        except LeftToOthers:
            if held.is_handed:  # others have it from the bus
                await held.delivery.nak()
        except asyncio.CancelledError:  # the end of this task all the same: there is nothing after it
            if not held.is_lost:
                await held.delivery.nak()
        except Exception as error:
            await self._failed(held, attempt, error)
        else:
            await held.delivery.ack()
        finally:
            del self._held[id]
            if not held.is_handed:
                await self._free()

    async def _failed(self, held: Held, attempt: int, error: Exception) -> None:
        if attempt >= ATTEMPTS_MAX:
            _LOG.error("given up: %s: %s", type(error).__name__, error)
            await held.delivery.ack()
            return
        _LOG.warning("a task failed and is tried again: %s: %s", type(error).__name__, error)
        await held.delivery.nak(RETRY_SECONDS_FIRST * 2 ** min(attempt, RETRY_DOUBLINGS_MAX))

    async def _free(self) -> None:
        if self._consumer is not None:
            await self._consumer.free()

    async def _beat(self) -> None:
        clock = asyncio.get_running_loop().time
        last = clock()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if clock() - last > LATE_SECONDS:
                self._let_go()
            last = clock()
            for held in self._held.values():
                await held.delivery.working()

    def _let_go(self) -> None:
        """Stop what we were at while we slept: by now it is another's."""
        lost = [held for held in self._held.values() if not held.is_handed]
        for held in lost:
            held.is_lost = True
            if held.task is not None:
                held.task.cancel()
        if lost:
            _LOG.warning("stopped for too long: %d tasks are another worker's now", len(lost))


def advancing(advance: Callable[[Work], Awaitable[None]]) -> Do:
    """Return what does tasks that bring ephemeral workflows on."""

    async def do(id: str, delivery: Delivery | Handed) -> None:
        work = read(id, delivery)
        if work is not None:
            await advance(work)

    return do


def read(id: str, delivery: Delivery | Handed) -> Work | None:
    """Return the work that a delivery asks for, None when it cannot be read."""
    try:
        advance = msgspec.json.decode(delivery.body, type=Advance)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _LOG.error("a task cannot be read, so it is left out: %s", error)
        return None
    return Work(id, advance, delivery.attempts)
