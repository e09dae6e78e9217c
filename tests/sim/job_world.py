"""Jobs at three nodes that crash and cannot hear each other, here and on booked compute.

The real engine, files, relays, gateways and alarms; a worker within
each node that says what the real one does, is killed, and repeats itself when no answer comes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bus.publisher import Outbound
from messages import subjects
from messages.base import encode
from messages.envelope import Address, Envelope, Outcome, derive, instant
from messages.job_run import Result, Run, Started
from node.answers import Answers
from node.chores import QUEUES
from node.trail import CMD
from tests.sim import workload
from tests.sim.broker import Stored
from tests.sim.job_promises import broken
from tests.sim.node import PAUSED_MICROS, Node
from tests.sim.report import Report, judged, stage
from tests.sim.world import NAMES, SECOND, Act, World

OWNER, COMPUTE = "centre", "hpc"
JOB, SLOTS = "work", "slots"
LEAD = timedelta(seconds=90)
LATE_SECONDS_MAX = 60
DEATH = 0.1
"""How often a worker is killed instead of doing the next thing."""


class Gone(Exception):
    """No answer comes."""


@dataclass
class Held:
    """A run in the hands of a worker."""

    task: Stored
    work: Run
    token: str
    is_started: bool = False
    result: Result | None = None


class JobNode(Node):
    """A node with a worker of jobs in it."""

    outside: JobWorld

    def __init__(self, *more: Any) -> None:
        super().__init__(*more)
        self.held: list[Held] = []
        self._tokens = 0
        self.late: list[tuple[int, Outbound]] = []
        """What workers that were asleep will say."""

    async def stop(self) -> None:
        """Be gone, and the worker with it."""
        self.held.clear()
        await super().stop()

    async def toil(self) -> bool:
        """Take a task, or bring a run in hand on."""
        for at, message in [one for one in self.late if one[0] <= self.outside.now]:
            self.late.remove((at, message))
            self.streams[CMD].store(message, self.outside.now)
        if self.held and (self.outside.random.random() < 0.7 or not self.tasks.waiting(self.outside.now)):
            await self._go_on(self.outside.random.choice(self.held))
            return True
        chosen = self._choose(self.tasks, 1)
        for task in chosen:
            queue = task.subject.rpartition(".")[2]
            if queue == "jobs":
                self._tokens += 1
                token = derive(self.name, f"{self._tokens}/{task.sequence}/{self.outside.now}")
                self.held.append(Held(task, msgspec.json.decode(task.body, type=Run), token))
                continue
            if queue in QUEUES:
                await self.chores.work[queue](task.headers["ce-id"], task.body)
            self._ack(self.tasks, task)
        return bool(chosen)

    async def _go_on(self, held: Held) -> None:
        if self.outside.weather.strikes(DEATH):
            self.outside.tell(f"{self.name} worker of {held.work.run} is killed")
            if held.is_started:
                self._speak_late(held)
            self._let_go(held, is_done=False)
            return
        try:
            await self._next(held)
        except Gone:
            return  # it is said again

    def _speak_late(self, held: Held) -> None:
        """Let a worker say the end of a run that is another's by now: it was asleep, not dead."""
        result = msgspec.to_builtins(Result(state="success", code=0, stdout=held.token))
        subject = subjects.command(self.name, "job_run", held.work.run, "end")
        body = encode({"token": held.token, "result": result})
        late = Outbound(subject, derive(held.token, "end"), {}, body)
        at = self.outside.now + self.outside.random.randint(5, LATE_SECONDS_MAX) * SECOND
        if self.outside.weather.strikes(0.9):
            self.late.append((at, late))

    async def _next(self, held: Held) -> None:
        if not held.is_started:
            body = {"token": held.token, "worker": self.name}
            outcome = await self._tell_run(held, "start", body)
            if not _may_start(outcome, held.token):
                self._let_go(held, is_done=True)
                return
            held.is_started = True
            self.outside.note_start(self.name, held)
        elif held.result is None:
            held.result = await self._outcome(held)
        else:
            result = msgspec.to_builtins(held.result)
            await self._tell_run(held, "end", {"token": held.token, "result": result})
            self._let_go(held, is_done=True)

    async def _outcome(self, held: Held) -> Result | None:
        """Return how the program has ended, if it has."""
        told = await self._look_at(held.work.run)
        if told.get("stopping") or told.get("result"):
            return Result(state="cancelled", reason="cancelled")
        if not self.outside.weather.is_calm and self.outside.random.random() < 0.6:
            return None
        result = Result(state="success", code=0, stdout=held.token)
        return result if self.outside.random.random() < 0.7 else Result(state="failure", code=1)

    def _let_go(self, held: Held, *, is_done: bool) -> None:
        if held in self.held:
            self.held.remove(held)
        if is_done:
            self._ack(self.tasks, held.task)
        else:
            self.tasks.nak(held.task.sequence, self.outside.now + PAUSED_MICROS)

    async def _tell_run(self, held: Held, verb: str, body: dict[str, Any]) -> Outcome:
        self._lose()
        envelope = Envelope(
            id=derive(held.token, verb),
            to=Address("job_run", held.work.run),
            verb=verb,
            body=encode(body),
            at=self.outside.now,
            is_call=True,
        )
        outcome = msgspec.json.decode(await self.call(envelope), type=Outcome)
        self._lose()
        return outcome

    async def _look_at(self, run: str) -> dict[str, Any]:
        self._lose()
        answers = Answers(self.engine, self.store, self.outside.actors)
        reply = await answers.answer("job_run", run, "get", b"", self.outside.now)
        return msgspec.json.decode(reply, type=dict[str, Any])

    def _lose(self) -> None:
        if self.outside.weather.strikes(0.06):
            raise Gone


def _may_start(outcome: Outcome, token: str) -> bool:
    """Say, as the real worker does, whether the run has begun under this token."""
    for event in outcome.events:
        try:
            return msgspec.json.decode(event, type=Started).token == token
        except msgspec.DecodeError:
            continue
    return False


@dataclass
class Begun:
    """A run that an operator has begun."""

    node: str
    run: str
    is_placed: bool
    may_repeat: bool
    starts: list[str] = field(default_factory=list)


class JobWorld(World):
    """Three nodes, of which one has a compute that the others have booked."""

    made_of = JobNode

    def __init__(self, seed: int, directory: Path) -> None:
        super().__init__(seed, directory)
        self.begun: dict[str, Begun] = {}
        self.started: list[tuple[str, str]] = []
        """Where a program was started, and for which run there."""

    def note_start(self, node: str, held: Held) -> None:
        """Know that a program is started."""
        self.started.append((node, held.work.run))
        self.tell(f"{node} starts {held.work.run}")

    async def _begin(self) -> None:
        await super()._begin()
        peers = {name: [peer for peer in NAMES if peer != name] for name in NAMES}
        for name, node in self.nodes.items():
            program = {"tag": "tool - 1", "path": "/usr/bin/tool", "offered_to": peers[name]}
            lines = [
                workload.line("executable", "tool-1", "save", program),
                workload.line("command", "go", "save", {"executable": "tool-1"}),
                workload.line("job", JOB, "save", {"command": "go"}),
            ]
            if name != OWNER:
                lines.append(self._slots())
            for line in lines:
                await self._say(node, line)
                await self._drain(self.now)
        self.now += int(LEAD.total_seconds()) * SECOND
        await self._drain(self.now)

    def _slots(self) -> workload.Line:
        """Have a booking of the compute that is as long as all that happens here."""
        on = f"{OWNER}/{COMPUTE}"
        start = (instant(self.now) + LEAD / 2).isoformat()
        body = {
            "name": SLOTS,
            "graph": {"items": {"c": {"resource": on}}},
            "resources": {"compute": [on]},
            "schedule": {"start": start, "duration": "PT12H", "grace": "PT12H"},
            "schedule_active": True,
        }
        return workload.line("workflow", SLOTS, "save", body)

    def _choices_of(self, node: Node) -> list[tuple[float, Act]]:
        choices = super()._choices_of(node)
        if isinstance(node, JobNode) and node.held:
            choices.append((3.0, partial(self._risk, node, node.toil)))
        return choices

    async def _round(self) -> bool:
        done = await super()._round()
        for node in self.nodes.values():
            if isinstance(node, JobNode) and node.held:
                done |= await node.toil()
        return done

    async def _operate(self) -> None:
        """Begin a run, cancel one, or take a slot back."""
        self.said += 1
        chance = self.random.random()
        if chance < 0.7 or not self.begun:
            await self._begin_run()
        elif chance < 0.97:
            one = self.random.choice(list(self.begun.values()))
            await self._risk(
                self.nodes[one.node],
                partial(self._say, self.nodes[one.node], workload.line("job_run", one.run, "cancel")),
            )
        else:
            await self._take_back()

    async def _begin_run(self) -> None:
        node = self.nodes[self.random.choice(NAMES)]
        is_placed = node.name != OWNER and self.random.random() < 0.8
        run = f"run-{self.said}"
        may_repeat = self.random.random() < 0.4
        body: dict[str, Any] = {"run": run, "may_repeat": may_repeat}
        body |= {"on": f"{OWNER}/{COMPUTE}"} if is_placed else {}
        self.begun[run] = Begun(node.name, run, is_placed, may_repeat)
        await self._risk(node, partial(self._say, node, workload.line("job", JOB, "run", body)))

    async def _take_back(self) -> None:
        owner = self.nodes[OWNER]
        if not owner.is_up:
            return
        live = await owner.engine.peek("booking", COMPUTE)
        lines = [line for one in live.state.requesters.values() for line in one.lines]
        if lines:
            said = {"booking": self.random.choice(lines).booking, "reason": "maintenance"}
            await self._risk(
                owner, partial(self._say, owner, workload.line("booking", COMPUTE, "cancel", said))
            )


def play(seed: int, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it."""
    return asyncio.run(_play(seed, keeps_lines))


async def _play(seed: int, keeps_lines: bool) -> Report:
    with stage() as directory:
        world = JobWorld(seed, directory)
        world.keeps_lines = keeps_lines
        try:
            wrong = await judged(lambda: _wrong(world))
        finally:
            await world.close()
    return Report(seed, world.digest, wrong, world.lines, "jobs")


async def _wrong(world: JobWorld) -> list[str]:
    await world.storm()
    await world.rest()
    return broken(world)
