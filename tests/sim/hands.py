"""Simulated workers: the real runner, which goes on from word to word only when the seed lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from actors.ephemeral.table import Job, Table
from messages.envelope import Address, Outcome
from messages.ephemeral import Advance
from node.workers.jobs import FilesJobs, Telling
from node.workers.prefixes import Prefix
from node.workers.runner import Runner, Work
from tests.sim.broker import Consumer, Stored, Stream

ACK_MICROS = 3_000_000
"""How long the broker waits for a sign of life before it gives the work to another."""
JOB_STEPS = 2
"""How often a worker can be interrupted while it works on files."""

Answer = TypeVar("Answer")


class Queue(Consumer):
    """The work of one queue, shared by its workers."""

    def __init__(self, stream: Stream, name: str) -> None:
        super().__init__(stream)
        self.name = name
        self._until: dict[int, int] = {}

    def waiting(self, now: int) -> list[Stored]:
        """Return what nobody does, as far as the broker knows."""
        for sequence in [one for one in sorted(self.flying) if self._until[one] <= now]:
            self.nak(sequence, now)
        found = super().waiting(now)
        for message in found:
            if not self._is_ours(message):
                self.ack(message.sequence)
        return [message for message in found if self._is_ours(message)]

    def next_offer(self) -> int | None:
        """Return when something may be offered again."""
        ends = [self._until[one] for one in self.flying]
        return min((at for at in (super().next_offer(), *ends) if at is not None), default=None)

    def beat(self, sequence: int, now: int) -> None:
        """Know that it is still worked on."""
        self._until[sequence] = now + ACK_MICROS

    def _is_ours(self, message: Stored) -> bool:
        return message.subject.endswith(f".{self.name}")


@dataclass(frozen=True, kw_only=True)
class Files(FilesJobs):
    """The real work on files, but for the files."""

    hand: Hand

    async def _try(self, job: Job, _work: Work, _telling: Telling) -> str:
        return await self.hand.work_on_files(job.name)


class World(Protocol):
    """What a worker sees of the world; both raise TimeoutError when no answer comes."""

    def fails_at(self, job: str) -> bool:
        """Say whether the files cannot be worked on now."""

    async def call(self, to: Address, verb: str, body: bytes, message: str) -> bytes:
        """Say a command to the node."""

    async def ask(self, to: Address, query: str) -> bytes:
        """Ask the node."""


def runner(hand: Hand, tables: Sequence[Table]) -> Runner:
    """Return what a worker follows the plans of its queue with."""
    prefix = Prefix("/data", Path("/srv/data"))
    files = Files(hand=hand, prefix=prefix, shadows=Path("/srv/shadows"), voice=hand, retry_seconds=0.0)
    return Runner(hand.queue.name, tables, hand, jobs=files)


class Hand:
    """One worker; it can sleep for minutes, or be killed, between any two words."""

    def __init__(self, name: str, queue: Queue, world: World) -> None:
        self.name, self.queue = name, queue
        self.asleep_until = 0
        self.work: Stored | None = None
        self.wish = ""
        """What it is about to say or do."""
        self._world = world
        self._word: Callable[[], Awaitable[Any]] | None = None
        self._granted: asyncio.Future[Any] | None = None
        self._running: asyncio.Task[None] | None = None
        self._stands = asyncio.Event()

    @property
    def workflow(self) -> Address:
        """Return the workflow that it works on."""
        assert self.work is not None
        advance = msgspec.json.decode(self.work.body, type=Advance)
        return Address(advance.workflow_kind, advance.id)

    @property
    def is_done(self) -> bool:
        """Say whether nothing is left to do of its work."""
        return self._word is None

    def can_go_on(self, now: int) -> bool:
        """Say whether it is about to say something, and awake."""
        return self._word is not None and self.asleep_until <= now

    def live(self, now: int) -> None:
        """Tell the broker that it still works, if it does."""
        if self.work is not None and self.asleep_until <= now:
            self.queue.beat(self.work.sequence, now)

    async def take(self, work: Stored, runner: Runner, now: int) -> None:
        """Begin with a piece of work."""
        self.work = work
        self.live(now)
        self._running = asyncio.ensure_future(self._do(runner, work))
        await self._until_it_stands()

    async def go_on(self) -> None:
        """Say what it is about to say, and go on to the next word."""
        word, granted = self._word, self._granted
        assert word is not None
        assert granted is not None
        self._word = None
        try:
            answer = await word()
        except TimeoutError as error:
            granted.set_exception(error)
        else:
            granted.set_result(answer)
        await self._until_it_stands()

    async def end(self) -> None:
        """Have nothing to do any more: it is done, or the process is gone; raises what the work ended in."""
        running, self._running, self._word, self.work = self._running, None, None, None
        self.asleep_until = 0
        if running is None:
            return
        if running.done():
            running.result()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def wait_for(self, wish: str, word: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do it when it may be done, and as often as no answer comes."""
        while True:
            self.wish, self._word = wish, word
            granted: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._granted = granted
            self._stands.set()
            try:
                return await granted
            except TimeoutError:
                continue

    async def call(self, to: Address, verb: str, body: dict[str, Any], message: str) -> Outcome:
        """Say a command, as a voice does."""
        data = msgspec.json.encode(body)
        reply = await self.wait_for(f"{to}.{verb}", lambda: self._world.call(to, verb, data, message))
        return msgspec.json.decode(reply, type=Outcome)

    async def ask(self, to: Address, query: str) -> dict[str, Any]:
        """Ask, as a voice does."""
        reply = await self.wait_for(f"{to} {query}?", lambda: self._world.ask(to, query))
        return msgspec.json.decode(reply, type=dict[str, Any])

    async def work_on_files(self, job: str) -> str:
        """Return what went wrong."""

        async def work() -> str:
            return "a disk is broken" if self._world.fails_at(job) else ""

        for step in range(JOB_STEPS):
            complaint = await self.wait_for(f"{job} {step}", work)
            if complaint:
                return complaint
        return ""

    async def _do(self, runner: Runner, work: Stored) -> None:
        try:
            advance = msgspec.json.decode(work.body, type=Advance)
            await runner.advance(Work(work.id, advance, self.queue.attempts[work.sequence]))
        finally:
            self._stands.set()

    async def _until_it_stands(self) -> None:
        self._stands.clear()
        await self._stands.wait()
        if self._word is None and self._running is not None:
            await asyncio.wait([self._running])
