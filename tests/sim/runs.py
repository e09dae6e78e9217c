"""Runs at a node that crashes, whose workers die, answer late and twice.

The real engine, file, relay, alarms and worker of runs. The seed decides the definitions, who goes on,
what is lost and repeated, how the clock jumps, and which runs are paused and cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest

from actors import ACTORS
from actors.workflow import versions
from bus.publisher import Outbound
from messages import run, subjects
from messages.base import encode
from messages.envelope import Address, Envelope, Outcome, micros
from node.answers import Answers
from node.trail import CMD
from node.workers.desk import Handed
from node.workers.running import QUEUES, is_once
from tests.sim.broker import Stored, Weather
from tests.sim.definitions import BEGIN, CHILD, Drawn, Servers
from tests.sim.node import Node
from tests.sim.parts import Crash
from tests.sim.report import Report, judged, stage
from tests.sim.run_promises import broken
from tests.sim.run_workers import Gone, Late, Work, Worker
from tests.sim.world import CRASH_POINTS, SECOND, NotQuiet

RUNS = 4
TICKS = 170
JUMPS = 3
FORWARD_SECONDS_MAX = 600
BACK_SECONDS_MAX = 60
LATE_SECONDS_MAX = 240
SETTLE_MICROS = 6 * 3_600 * SECOND
"""Longer than all that a run may wait for in its whole life."""
ROUNDS_MAX = 3_000
KINDS = ("workflow", "run")
HANDS = 3
"""How many tasks the worker within the node has in hand at most."""

Act = Callable[[], Awaitable[object]]


class World:
    """One node, its workers, a clock, and the seed."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.random = Random(seed)
        self.weather = Weather(self.random)
        self.actors = tuple(actor for actor in ACTORS if actor.kind in KINDS)
        self.now = micros(BEGIN)
        self.lines: list[str] = []
        self.keeps_lines = False
        self.wrong: list[str] = []
        self.documents = self._draw()
        self.launched = {f"r-{number}": f"flow-{number % 2}" for number in range(RUNS)}
        self.servers = Servers()
        self.node = Node("centre", directory, self, [])
        self.worker = Worker(self)
        self._digest = blake2b(digest_size=16)
        self._late: list[Late] = []
        self._in_hand: list[Handed] = []
        self._said = 0

    def _draw(self) -> dict[str, dict[str, Any]]:
        drawn = {CHILD: Drawn(self.random, has_children=False).document(CHILD, 2)}
        for name in ("flow-0", "flow-1"):
            drawn[name] = Drawn(self.random, has_children=True).document(name, self.random.randint(3, 5))
        return drawn

    def tell(self, line: str) -> None:
        """Note a line of the trace."""
        self._digest.update(f"{self.now} {line}\n".encode())
        if self.keeps_lines:
            self.lines.append(f"{(self.now - micros(BEGIN)) / SECOND:10.3f} {line}")

    @property
    def digest(self) -> str:
        """Return what tells two traces apart."""
        return self._digest.hexdigest()

    async def begin(self) -> None:
        """Have the workflows saved, and all runs launched."""
        await self._start()
        for name, definition in self.documents.items():
            self._send(Address("workflow", name), "save", {"name": name, "definition": definition})
        await self._drain(self.now)
        for number, (id, workflow) in enumerate(self.launched.items()):
            self._send(Address("workflow", workflow), "launch", {"run": id, "input": {"n": number}})

    async def storm(self) -> None:
        """Let everything fail at times, while operators pause, resume and cancel."""
        self.weather.is_calm = False
        jumps = set(self.random.sample(range(TICKS), JUMPS))
        for tick in range(TICKS):
            if tick in jumps:
                self._jump()
            weights, acts = zip(*self._choices(), strict=True)
            act: Act = self.random.choices(acts, weights)[0]
            await act()

    async def rest(self) -> None:
        """End all faults, let all go on, and wait until nothing more happens."""
        self.weather.is_calm = True
        self.tell("calm")
        self.node.crash_at = None
        if not self.node.is_up:
            await self._start()
        for id in self.launched:
            self._send(Address("run", id), "resume", {})
        await self._drain(self.now + SETTLE_MICROS)
        for message in (one for stream in self.node.streams.values() for one in stream.messages):
            self._digest.update(message.id.encode() + message.body)

    # What the worker sees.

    async def call(self, to: Address, verb: str, body: dict[str, Any], message: str) -> Outcome:
        """Say what became of a task; the answer may be late, doubled or lost, and the worker gone."""
        data = msgspec.json.encode(body)
        if self.weather.strikes(0.15):
            at = self.now + self.random.randint(1, LATE_SECONDS_MAX) * SECOND
            self._late.append(Late(at, self._outbound(to, verb, data, message)))
            if self.weather.strikes(0.7):
                raise Gone
        if self.weather.strikes(0.1):
            raise Gone
        if self.weather.strikes(0.2):
            self._said += 1
            twin = self._outbound(to, verb, data, f"twin-{self._said}")
            self._late.append(Late(self.now + self.random.randint(0, LATE_SECONDS_MAX) * SECOND, twin))
        envelope = Envelope(id=message, to=to, verb=verb, body=data, at=self.now, is_call=True)
        return msgspec.json.decode(await self._reach(partial(self.node.call, envelope)), type=Outcome)

    async def ask(self, to: Address, query: str) -> dict[str, Any]:
        """Ask the node."""

        async def answer() -> bytes:
            answers = Answers(self.node.engine, self.node.store, self.actors)
            return await answers.answer(to.kind, to.id, query, b"", self.now)

        return msgspec.json.decode(await self._reach(answer), type=dict[str, Any])

    async def note_call(self, call: run.Call) -> None:
        """Know that a call is made; a run that has its answer must not have it made again."""
        live = await self.node.engine.peek("run", call.run)
        frame = live.state.frames.get(call.frame)
        if frame is None or not frame.is_calling or frame.calls != call.call:
            self.wrong.append(f"{call.run}: {call.pointer} is called although it has its answer")
        self.tell(f"call {call.run} {call.pointer} {call.key}")

    async def _reach(self, word: Callable[[], Awaitable[bytes]]) -> bytes:
        if not self.node.is_up or self.weather.strikes(0.04):
            raise Gone
        try:
            reply = await word()
        except Crash as crash:
            await self._fall(crash)
            raise Gone from None
        if self.weather.strikes(0.06):
            raise Gone  # it was done, and nobody knows
        return reply

    # What can happen.

    def _choices(self) -> list[tuple[float, Act]]:
        choices: list[tuple[float, Act]] = [(1.5, self._pass_time), (0.15, self._operate)]
        if not self.node.is_up:
            return [*choices, (2.5, self._restart)]
        relay = self.node.relays["bus"]
        choices += [(0.25, self._arm), (1.0, partial(self._risk, self.node.ring))]
        if relay.waiting or relay._is_behind:
            choices.append((4.0, partial(self._risk, partial(self.node.relay, "bus"))))
        if self.node.commands.waiting(self.now):
            choices.append((5.0, partial(self._risk, self.node.handle)))
        if self.node.tasks.waiting(self.now):
            choices.append((5.0, self._work))
        if self._in_hand:
            choices.append((5.0, self._work_in_hand))
        if any(one.at <= self.now for one in self._late):
            choices.append((2.0, self._arrive))
        return choices

    async def _work(self) -> bool:
        chosen = self.weather.pick(self.node.tasks.waiting(self.now), 4)
        self.node.tasks.take(chosen)
        for task in chosen:
            await self._do(task)
        return bool(chosen)

    async def _work_in_hand(self) -> bool:
        """Do a task that did not come over the bus."""
        if not self._in_hand:
            return False
        task = self._in_hand.pop(0)
        queue, id = task.subject.rpartition(".")[2], task.headers[subjects.CE_ID]
        self.tell(f"task in hand {queue} {id}")
        try:
            await self.worker.do(queue)(id, task)
        except Gone:
            if self.node.is_up:
                await task.nak()
            return True
        await self._risk(task.ack)
        return True

    async def _do(self, task: Stored) -> None:
        self.tell(f"task {task.subject} {task.id}")
        work: Any = Work(task, self.node.tasks.attempts[task.sequence])
        try:
            await self.worker.do(task.subject.rpartition(".")[2])(task.id, work)
        except Gone:
            self.node.tasks.nak(task.sequence, self.now + SECOND)
            return
        if self.weather.strikes(0.12):
            self.node.tasks.nak(task.sequence, self.now)  # the acknowledgement is lost
        else:
            self.node.tasks.ack(task.sequence)

    async def _arrive(self) -> bool:
        due = [one for one in self._late if one.at <= self.now]
        self._late = [one for one in self._late if one.at > self.now]
        for one in due:
            self.node.streams[CMD].store(one.message, self.now)
        return bool(due)

    async def _operate(self) -> None:
        """Pause, resume or cancel a run."""
        id = self.random.choice(list(self.launched))
        verb = self.random.choices(("pause", "resume", "cancel"), (4, 4, 1))[0]
        self._send(Address("run", id), verb, {})

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
        self.node.tasks.end_session()
        self._in_hand.clear()

    async def _arm(self) -> None:
        self.node.crash_at = (self.random.choice(CRASH_POINTS), self.random.randint(0, 2))

    async def _restart(self) -> None:
        self.tell("start")
        await self._start()

    async def _start(self) -> None:
        await self.node.start()
        for queue in QUEUES:
            self.node.desk.open(subjects.task(self.node.name, queue), self._take)

    def _take(self, task: Handed) -> bool:
        """Have the worker within the node take a task, unless it has no hand free."""
        if is_once(task.body) or len(self._in_hand) >= HANDS or self.weather.strikes(0.3):
            return False
        self._in_hand.append(task)
        return True

    async def _pass_time(self) -> None:
        mean = 20 * SECOND if self.random.random() < 0.3 else 0.5 * SECOND
        self.now += 1 + int(self.random.expovariate(1 / mean))

    def _jump(self) -> None:
        is_back = self.random.random() < 0.4
        seconds = (
            -self.random.randint(1, BACK_SECONDS_MAX)
            if is_back
            else self.random.randint(1, FORWARD_SECONDS_MAX)
        )
        self.now += seconds * SECOND
        self.tell(f"the clock jumps by {seconds} s")

    def _send(self, to: Address, verb: str, body: dict[str, Any]) -> None:
        self._said += 1
        self.tell(f"operator {to}.{verb} {body}")
        message = self._outbound(to, verb, encode(body), f"operator-{self._said}")
        for _ in range(2 if self.weather.strikes(0.3) else 1):
            self.node.streams[CMD].store(message, self.now)

    def _outbound(self, to: Address, verb: str, body: bytes, id: str) -> Outbound:
        return Outbound(subjects.command(self.node.name, to.kind, to.id, verb), id, {}, body)

    async def _drain(self, until: int) -> None:
        for _ in range(ROUNDS_MAX):
            acts = (
                self.node.handle,
                self.node.ring,
                partial(self.node.relay, "bus"),
                self._work,
                self._work_in_hand,
                self._arrive,
            )
            done = [await act() for act in acts]
            if any(done):
                continue
            coming = await self._next()
            if coming is None or coming > until:
                await self.node.intake.work()
                return
            self.now = max(self.now, coming)
        raise NotQuiet(f"there is still something to do after {ROUNDS_MAX} rounds")

    async def _next(self) -> int | None:
        offers = [self.node.commands.next_offer(), self.node.tasks.next_offer()]
        alarm = await self.node.store.next_alarm()
        instants = [*offers, alarm, *(one.at for one in self._late)]
        return min((at for at in instants if at is not None and at > self.now), default=None)


Made = TypeVar("Made", bound=World)


@contextmanager
def unchecked() -> Iterator[None]:
    """Take definitions as they are: the schema takes longer than all that is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "must_run", lambda _definition, _unread: None)
        yield


def play(seed: int, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it."""
    with unchecked():
        return asyncio.run(played(World, seed, broken, ("runs", keeps_lines)))


async def played(
    make: Callable[[int, Path], Made],
    seed: int,
    broken: Callable[[Made], Awaitable[list[str]]],
    how: tuple[str, bool],
) -> Report:
    """Run the schedule of a seed; ``how``: what it is of, and whether its trace is kept."""
    of, keeps_lines = how

    async def wrong() -> list[str]:
        await world.begin()
        await world.storm()
        await world.rest()
        return await broken(world)

    with stage() as directory:
        world = make(seed, directory)
        world.keeps_lines = keeps_lines
        try:
            found = await judged(wrong, world.wrong)
        finally:
            await world.node.stop()
    return Report(seed, world.digest, found, world.lines, of)
