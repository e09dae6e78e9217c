"""Runs at a node that crashes, whose workers die, answer late and twice: ``python -m tests.sim.runs SEED``.

The real engine, file, relay, alarms and worker of runs. The seed decides the definitions, who goes on,
what is lost and repeated, how the clock jumps, and which runs are paused and cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from hashlib import blake2b
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest

from actors import ACTORS, versions
from actors.flow.actor import ACTOR
from actors.flow.state import State
from bus.publisher import Outbound
from messages import run, subjects
from messages.base import encode, tag
from messages.envelope import Address, Envelope, Outcome, micros
from messages.run_events import Cancelled, Cancelling, Failed, Paused, Resumed, Succeeded
from messages.task_events import Called, Returned, TaskEnded, TaskStarted
from node.answers import Answers
from node.calls.outside import Outside
from node.live import decode_event, freeze, thaw
from node.trail import CMD
from node.workers.running import Running
from tests.flow.driver import evaluated
from tests.sim.broker import Stored, Weather
from tests.sim.definitions import BEGIN, CHILD, Drawn, End, Servers, expected
from tests.sim.inline import without_threads
from tests.sim.node import Node
from tests.sim.parts import Crash
from tests.sim.world import CRASH_POINTS, MEMORY, SECOND, NotQuiet

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
ENDS = (Succeeded, Failed, Cancelled)

Act = Callable[[], Awaitable[object]]


class Gone(Exception):
    """The worker is gone; its task comes again."""


class Late(NamedTuple):
    """An answer that is still on its way."""

    at: int
    message: Outbound


class Work:
    """What a worker sees of one task that was delivered."""

    def __init__(self, task: Stored, attempts: int) -> None:
        self.body = task.body
        self.attempts = attempts


class Worker(Running):
    """The worker of runs, with jq in this process and servers that the seed knows."""

    def __init__(self, world: World) -> None:
        super().__init__(None, world.node.name, world, Outside(data=Path()))  # type: ignore[arg-type]  # no bus
        self._world = world

    async def evaluate(self, id: str, delivery: Any) -> None:
        """Evaluate expressions, and tell the run."""
        ask = msgspec.json.decode(delivery.body, type=run.Evaluate)
        await self._tell(id, ask.run, "evaluated", evaluated(ask))

    async def _loaded(self) -> Any:
        return SimpleNamespace(makes={"http": self._make})

    async def _make(self, call: run.Call) -> Any:
        await self._world.note_call(call)
        return await self._world.servers.make(call)


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
        await self.node.start()
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
            await self.node.start()
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
        if any(one.at <= self.now for one in self._late):
            choices.append((2.0, self._arrive))
        return choices

    async def _work(self) -> bool:
        chosen = self.weather.pick(self.node.tasks.waiting(self.now), 4)
        self.node.tasks.take(chosen)
        for task in chosen:
            await self._do(task)
        return bool(chosen)

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

    async def _arm(self) -> None:
        self.node.crash_at = (self.random.choice(CRASH_POINTS), self.random.randint(0, 2))

    async def _restart(self) -> None:
        self.tell("start")
        await self.node.start()

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


# What must hold in the end.


async def broken(world: World) -> list[str]:
    """Say what does not hold of the runs once all is quiet."""
    runs = dict(_journal(world.node.path))
    wrong = list(world.wrong)
    for id, workflow in world.launched.items():
        if id not in runs:
            wrong.append(f"{id} was never begun")
            continue
        wrong += _unlike(runs[id], await expected(world.documents, workflow, runs[id][0].input), id)
    for id, events in runs.items():
        live = await world.node.engine.peek("run", id)
        wrong += [
            f"{id}: {one}" for one in (*_twice(events), *_while_paused(events), *_replayed(events, live))
        ]
    return wrong


def _journal(path: Path) -> Iterator[tuple[str, list[Any]]]:
    with closing(sqlite3.connect(path)) as db:
        rows = list(db.execute("SELECT id, type, body FROM journal WHERE kind = 'run' ORDER BY id, version"))
    for id in dict.fromkeys(row[0] for row in rows):
        yield id, [decode_event(ACTOR, type_, body) for one, type_, body in rows if one == id]


def _unlike(events: Sequence[Any], end: End, id: str) -> Iterable[str]:
    """Find a run that has ended otherwise than its dry run, unless it was cancelled."""
    state = reduce(ACTOR.evolve, events, State())
    if any(isinstance(event, Cancelling) for event in events):
        if state.status != "cancelled":
            yield f"{id} was cancelled and is {state.status}"
    elif (state.status, state.output, state.problem) != end:
        yield f"{id} has ended {(state.status, state.output, state.problem)}, and dry {end}"


def _twice(events: Sequence[Any]) -> Iterable[str]:
    for type_ in (TaskStarted, TaskEnded, Returned, Called):
        frames = Counter(event.frame for event in events if isinstance(event, type_))
        for frame, count in frames.items():
            if count > 1:
                yield f"frame {frame} has {tag(type_)} {count} times"
    ends = [event for event in events if isinstance(event, ENDS)]
    if len(ends) != 1 or events[-1] is not ends[0]:
        yield f"it has {len(ends)} ends, the last event is {events[-1]}"


def _while_paused(events: Sequence[Any]) -> Iterable[str]:
    is_paused = False
    for event in events:
        is_paused = (is_paused or isinstance(event, Paused)) and not isinstance(event, Resumed)
        if is_paused and isinstance(event, TaskStarted):
            yield f"{event.pointer} started while it was paused"


def _replayed(events: Sequence[Any], live: Any) -> Iterable[str]:
    """Find a run that replays to something else, or does so from a snapshot anywhere."""
    plain = snapped = State()
    for event in events:
        plain = ACTOR.evolve(plain, event)
        snapped = thaw(ACTOR, freeze(ACTOR.evolve(snapped, event)))
        if msgspec.to_builtins(plain, str_keys=True) != msgspec.to_builtins(snapped, str_keys=True):
            yield f"a snapshot after {tag(type(event))} is another state"
            return
    if plain != live.state or len(events) != live.version:
        yield f"it replays to {plain.status}, and is {live.state.status}"


@dataclass(frozen=True)
class Report:
    """What became of one schedule."""

    seed: int
    digest: str
    wrong: Sequence[str]
    lines: Sequence[str] = ()

    def __str__(self) -> str:
        shown = "\n  ".join(self.wrong[:12])
        return f"schedule {self.seed} (replay it: python -m tests.sim.runs {self.seed}):\n  {shown}"


@contextmanager
def unchecked() -> Iterator[None]:
    """Take definitions as they are: the schema takes longer than all that is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "faults", lambda _definition: [])
        yield


def play(seed: int, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it; an error that escapes is what is wrong with it, too."""
    return asyncio.run(_play(seed, keeps_lines))


async def _play(seed: int, keeps_lines: bool) -> Report:
    directory = Path(tempfile.mkdtemp(prefix="covey-sim-", dir=MEMORY))
    world = World(seed, directory)
    world.keeps_lines = keeps_lines
    try:
        with without_threads(), unchecked():
            try:
                await world.begin()
                await world.storm()
                await world.rest()
                wrong = await broken(world)
            except Exception as error:
                where = "".join(traceback.format_tb(error.__traceback__)[-3:])
                wrong = [*world.wrong, f"{type(error).__name__}: {error}\n{where}"]
            finally:
                await world.node.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return Report(seed, world.digest, wrong, world.lines)


def first_failure(seeds: Iterable[int]) -> Report | None:
    """Run schedules until one goes wrong."""
    return next((report for seed in seeds if (report := play(seed)).wrong), None)


if __name__ == "__main__":
    told = play(int(sys.argv[1]), keeps_lines=True)
    print("\n".join(told.lines))
    print(told)
