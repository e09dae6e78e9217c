"""Workflows that want the same repository at once.

One node with its real engine, file, relay and alarms, and workers that follow the tables through the real
runner. The seed decides who goes on, who dies, who sleeps, and what the broker loses or repeats.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from actors.actor import Actor
from actors.ephemeral import freeze_repo, registry, repo, unfreeze_repo, workflow_index
from actors.ephemeral.table import Table
from bus.publisher import Outbound
from messages import subjects
from messages.base import encode
from messages.envelope import Address, Envelope
from node.answers import Answers
from tests.sim.broker import Weather
from tests.sim.crowd import Crowd
from tests.sim.node import Node
from tests.sim.parts import Crash
from tests.sim.report import stage
from tests.sim.script import FIRST, Agenda, Line, Mood, draw
from tests.sim.world import BEGIN, CRASH_POINTS, SECOND, NotQuiet

ACTORS: Sequence[Actor[Any, Any, Any]] = (
    registry.ACTOR,
    repo.ACTOR,
    workflow_index.ACTOR,
    unfreeze_repo.ACTOR,
    freeze_repo.ACTOR,
)
TABLES: Sequence[Table] = (unfreeze_repo.TABLE, freeze_repo.TABLE)
TICKS = 150
JUMP_MICROS = 5 * 24 * 3600 * SECOND
"""As long as a workflow may take."""
SETTLE_MICROS = 10 * 60 * SECOND
QUIET_MICROS = 10 * SECOND
ROUNDS_MAX = 3_000

Act = Callable[[], Awaitable[object]]


class Kit(NamedTuple):
    """What a world is made of; bugs are planted in it."""

    actors: Sequence[Actor[Any, Any, Any]] = ACTORS
    tables: Sequence[Table] = TABLES
    mood: Mood | None = None
    """What is drawn when it is not given."""


KIT = Kit()


class World:
    """One node, its workers, a clock, and the seed."""

    def __init__(self, seed: int, directory: Path, kit: Kit = KIT) -> None:
        self.random = Random(seed)
        self.weather = Weather(self.random)
        self.actors = tuple(kit.actors)
        self.now = BEGIN
        self.lines: list[str] = []
        self.keeps_lines = False
        self.script = draw(self.random, TICKS, kit.mood)
        self.agenda = Agenda(self.script)
        self._digest = blake2b(digest_size=16)
        self.node = Node("centre", directory, self, [])
        self.nodes: Mapping[str, Node] = {self.node.name: self.node}
        self.crowd = Crowd(self, self.node.streams, kit.tables)
        self._said = 0

    def tell(self, line: str) -> None:
        """Note a line of the trace."""
        self._digest.update(f"{self.now} {line}\n".encode())
        if self.keeps_lines:
            self.lines.append(f"{(self.now - BEGIN) / SECOND:10.3f} {line}")

    @property
    def digest(self) -> str:
        """Return what tells two traces apart."""
        return self._digest.hexdigest()

    async def begin(self) -> None:
        """Have a frozen repository."""
        await self.node.start()
        for line in FIRST:
            await self._say(line)
            await self._drain(self.now)

    async def storm(self) -> None:
        """Let the workflows of the script get in each other's way, and everything fail at times."""
        self.weather.is_calm = False
        for tick in range(TICKS):
            for line in self.agenda.due(tick):
                await self._say(line)
            if tick == self.agenda.jump_at:
                self._jump()
            self.crowd.live()
            weights, acts = zip(*self._choices(tick), strict=True)
            act: Act = self.random.choices(acts, weights)[0]
            await act()

    async def rest(self) -> None:
        """End all faults and wait until nothing more happens."""
        self.weather.is_calm = True
        self.tell("calm")
        self.node.crash_at = None
        if not self.node.is_up:
            await self.node.start()
        await self._drain(self.now + SETTLE_MICROS)
        for message in (one for stream in self.node.streams.values() for one in stream.messages):
            self._digest.update(message.id.encode() + message.body)

    async def close(self) -> None:
        """Stop everything."""
        await self.crowd.end()
        await self.node.stop()

    # What the workers see.

    def fails_at(self, job: str) -> bool:
        """Say whether the files cannot be worked on now."""
        return job == self.script.broken_job or self.weather.strikes(0.1)

    async def call(self, to: Address, verb: str, body: bytes, message: str) -> bytes:
        """Say a command to the node; raises TimeoutError when no answer comes."""
        envelope = Envelope(id=message, to=to, verb=verb, body=body, at=self.now, is_call=True)
        return await self._reach(partial(self.node.call, envelope))

    async def ask(self, to: Address, query: str) -> bytes:
        """Ask the node; raises TimeoutError when no answer comes."""

        async def answer() -> bytes:
            answers = Answers(self.node.engine, self.node.store, self.actors)
            return await answers.answer(to.kind, to.id, query, b"", self.now)

        return await self._reach(answer)

    async def _reach(self, word: Callable[[], Awaitable[bytes]]) -> bytes:
        if not self.node.is_up or self.weather.strikes(0.04):
            raise TimeoutError
        try:
            reply = await word()
        except Crash as crash:
            await self._fall(crash)
            raise TimeoutError from None
        if self.weather.strikes(0.06):
            raise TimeoutError  # it was done, and nobody knows
        return reply

    # What can happen.

    def _choices(self, tick: int) -> list[tuple[float, Act]]:
        choices: list[tuple[float, Act]] = [(1.0, self._pass_time)]
        if self.node.is_up:
            choices += [(0.3, self._arm), (0.4, partial(self._risk, self.node.ring))]
            relay = self.node.relays["bus"]
            if relay.waiting or relay._is_behind:
                choices.append((4.0, partial(self._risk, partial(self.node.relay, "bus"))))
            if self.node.commands.waiting(self.now):
                choices.append((5.0, partial(self._risk, self.node.handle)))
        else:
            choices.append((2.5, self._restart))
        return choices + self.crowd.choices(tick)

    async def _risk(self, act: Act) -> bool:
        """Do it; a crash on the way ends the node, not the world."""
        try:
            return bool(await act())
        except Crash as crash:
            await self._fall(crash)
            return True

    async def _fall(self, crash: Crash) -> None:
        self.tell(f"crash {crash}")
        await self.node.stop()

    async def _arm(self) -> None:
        self.node.crash_at = (self.random.choice(CRASH_POINTS), self.random.randint(0, 2))

    async def _restart(self) -> None:
        self.tell("start")
        await self.node.start()

    async def _pass_time(self) -> None:
        mean = 20 * SECOND if self.random.random() < 0.2 else 0.5 * SECOND
        self.now += 1 + int(self.random.expovariate(1 / mean))

    def _jump(self) -> None:
        """Let so much time pass that workflows expire; whoever had work in hand sleeps meanwhile."""
        later = self.now + JUMP_MICROS
        self.crowd.sleep_over(later)
        self.now = later
        self.tell("days later")

    async def _say(self, line: Line) -> None:
        """Say it as an operator, on the durable subject or waiting for the outcome."""
        self._said += 1
        id = f"operator-{self._said}"
        self.tell(f"operator {line.to}.{line.verb} {line.body}")
        body = encode(line.body)
        if self.weather.strikes(0.3):
            with suppress(TimeoutError):
                await self.call(line.to, line.verb, body, id)
                return
        subject = subjects.command(self.node.name, line.to.kind, line.to.id, line.verb)
        for _ in range(2 if self.weather.strikes(0.2) else 1):
            self.node.streams["CMD"].store(Outbound(subject, id, {}, body), self.now)

    async def _drain(self, until: int) -> None:
        for _ in range(ROUNDS_MAX):
            self.crowd.live()
            if await self._round():
                continue
            coming = await self._next()
            if coming is None or coming > max(until, self.now + QUIET_MICROS):
                self.now = max(self.now, until)
                await self.node.intake.work()
                return
            self.now = max(self.now, coming)
        raise NotQuiet(f"there is still something to do after {ROUNDS_MAX} rounds")

    async def _next(self) -> int | None:
        alarm = await self.node.store.next_alarm()
        coming = (*self.crowd.coming(), self.node.commands.next_offer(), alarm)
        # what is due by now waits for somebody who sleeps
        return min((at for at in coming if at is not None and at > self.now), default=None)

    async def _round(self) -> bool:
        """Let all do what they can do now; say whether anything was done."""
        done = False
        for act in (self.node.handle, self.node.ring, partial(self.node.relay, "bus")):
            done |= await act()
        return done | await self.crowd.round()


@asynccontextmanager
async def world(seed: int, kit: Kit = KIT) -> AsyncIterator[World]:
    """Make a world in a directory of its own."""
    with stage() as directory, pytest.MonkeyPatch.context() as patch:
        made = World(seed, directory, kit)
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=made.random.getrandbits(128)))
        patch.setattr(logging.getLogger("covey.worker"), "disabled", True)
        try:
            yield made
        finally:
            await made.close()
