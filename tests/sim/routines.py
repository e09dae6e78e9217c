"""Routines at a node that crashes, whose workers die, answer late and twice.

The real engine, file, relay and alarms. The seed decides the steps, how each try ends and how long it takes,
what is lost and repeated, how the clock jumps, and which runs are cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from actors import ACTORS
from messages.envelope import Address, derive
from messages.job_run import Run, Started
from tests.sim import runs
from tests.sim.broker import Stored
from tests.sim.parts import Crash
from tests.sim.report import Report
from tests.sim.routine_promises import broken
from tests.sim.run_workers import Gone
from tests.sim.world import SECOND

KINDS = ("executable", "command", "job", "job_run", "routine", "routine_run")
JOBS = 4
ROUTINES = 2
RUNS = 3
STEPS_MAX = 6
TAKES_SECONDS_MAX = 40
STATES = ("success", "failure", "timeout")


@dataclass
class Busy:
    """A job that is under way."""

    until: int
    token: str
    task: Stored
    state: str
    in_node: bool
    """Whether it dies with the node."""


class World(runs.World):
    """One node, workers of jobs, a clock, and the seed."""

    def __init__(self, seed: int, directory: Path) -> None:
        super().__init__(seed, directory)
        self.actors = tuple(actor for actor in ACTORS if actor.kind in KINDS)
        self.launched = {f"q-{number}": f"routine-{number % ROUTINES}" for number in range(RUNS)}
        self.busy: dict[str, Busy] = {}
        self.started: Counter[str] = Counter()
        """How often the program of each run of a job was started."""

    def _draw(self) -> dict[str, dict[str, Any]]:
        return {f"routine-{number}": self._routine() for number in range(ROUTINES)}

    def _routine(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = []
        for number in range(self.random.randint(2, STEPS_MAX)):
            before = [step["id"] for step in steps]
            needs = self.random.sample(before, min(len(before), self.random.randint(0, 2)))
            takes = {}
            if before and self.random.random() < 0.4:
                takes = {"in": f"{self.random.choice(before)}/out"}
            step = {"id": f"s-{number}", "job": f"job-{self.random.randrange(JOBS)}", "needs": needs}
            step |= {"takes": takes, "mode": self.random.choice(("seq", "conc"))}
            step |= {"retries": self.random.randint(0, 3)}
            step |= {"once": self.random.random() < 0.3, "backoff_seconds": self.random.randint(1, 20)}
            if self.random.random() < 0.3:
                step["timeout_seconds"] = self.random.randint(5, 300)
            steps.append(step)
        whole = {"timeout_seconds": self.random.randint(60, 900)} if self.random.random() < 0.3 else {}
        bound = {"at_once": self.random.randint(1, 3), "on_failure": self.random.choice(("stop", "go_on"))}
        return {"steps": steps, **bound, **whole}

    async def begin(self) -> None:
        """Have all saved that the runs are made of, and begin them."""
        await self._start()
        program = {"tag": "tool - 1", "path": "/bin/tool", "parameters": [{"flag": "-x"}]}
        self._send(Address("executable", "tool-1"), "save", program)
        await self._drain(self.now)
        self._send(Address("command", "C"), "save", {"executable": "tool-1", "flags": ["-x"]})
        await self._drain(self.now)
        for number in range(JOBS):
            self._send(Address("job", f"job-{number}"), "save", {"command": "C"})
        await self._drain(self.now)
        for name, routine in self.documents.items():
            self._send(Address("routine", name), "save", routine)
        await self._drain(self.now)
        for id, routine in self.launched.items():
            self._send(Address("routine", routine), "run", {"run": id})

    async def _operate(self) -> None:
        """Cancel a run, begin it again, or save its routine and its jobs otherwise."""
        id = self.random.choice(list(self.launched))
        what = self.random.choices(("cancel", "run", "save", "job"), (1, 3, 2, 2))[0]
        if what == "cancel":
            self._send(Address("routine_run", id), "cancel", {"reason": "by hand"})
        elif what == "run":
            self._send(Address("routine", self.launched[id]), "run", {"run": id})
        elif what == "save":
            self._send(Address("routine", self.launched[id]), "save", self._routine())
        else:
            environment = {"SEED": str(self.random.randrange(100))}
            job = Address("job", f"job-{self.random.randrange(JOBS)}")
            self._send(job, "save", {"command": "C", "environment": environment})

    def _choices(self) -> list[tuple[float, runs.Act]]:
        ready = [run for run, one in self.busy.items() if one.until <= self.now]
        return [*super()._choices(), *([(4.0, self._finish)] if ready else [])]

    async def _do(self, task: Stored) -> None:
        work = msgspec.json.decode(task.body, type=Run)
        if work.run in self.busy:  # another worker is at it
            self.node.tasks.nak(task.sequence, self.now + SECOND)
            return
        self._said += 1
        token = f"token-{self._said}"
        to = Address("job_run", work.run)
        try:
            said = {"token": token, "worker": "w"}
            outcome = await self.call(to, "start", said, derive(token, "start"))
        except Gone:
            self.node.tasks.nak(task.sequence, self.now + SECOND)
            return
        if not any(_is_start(event, token) for event in outcome.events):
            self.node.tasks.ack(task.sequence)
            return
        self.started[work.run] += 1
        self.tell(f"job {work.run} starts, {self.started[work.run]}")
        seconds = self.random.randint(0, TAKES_SECONDS_MAX)
        state = self.random.choices(STATES, (7, 2, 1))[0]
        in_node = self.random.random() < 0.5
        self.busy[work.run] = Busy(self.now + seconds * SECOND, token, task, state, in_node)

    async def _finish(self) -> bool:
        """End the jobs whose time has come; one whose worker is gone is begun by another."""
        ready = [(run, one) for run, one in self.busy.items() if one.until <= self.now]
        for run, one in ready:
            self.busy.pop(run, None)
            if self.weather.strikes(0.1):
                self.tell(f"the worker of {run} is gone")
                self.node.tasks.nak(one.task.sequence, self.now + SECOND)
                continue
            try:
                told = {"token": one.token, "result": await self._result(run, one)}
                outcome = await self.call(Address("job_run", run), "end", told, derive(one.token, "end"))
                if not outcome.events and not (await self.ask(Address("job_run", run), "get"))["result"]:
                    raise Gone  # a late word has begun another attempt
            except Gone:
                self.node.tasks.nak(one.task.sequence, self.now + SECOND)
            else:
                self.node.tasks.ack(one.task.sequence)
        return bool(ready)

    async def _result(self, run: str, one: Busy) -> dict[str, Any]:
        found = await self.ask(Address("job_run", run), "get")
        if found.get("stopping"):
            return {"state": "cancelled", "reason": "cancelled"}
        file = {"name": "out", "size": 1, "sha256": derive(run, one.token)}
        code = {"success": 0, "failure": 1}.get(one.state)
        files = [file] if one.state == "success" and self.random.random() < 0.95 else []
        return {"state": one.state, "code": code, "files": files}

    async def _arrive(self) -> bool:
        arrived = await super()._arrive()
        finished = self.weather.is_calm and await self._finish()
        return arrived or finished

    async def _next(self) -> int | None:
        instants = [await super()._next(), *(one.until for one in self.busy.values())]
        return min((at for at in instants if at is not None and at > self.now), default=None)

    async def _fall(self, crash: Crash) -> None:
        await super()._fall(crash)
        self.busy = {run: one for run, one in self.busy.items() if not one.in_node}
        for one in self.busy.values():
            self.node.tasks.flying.add(one.task.sequence)

    async def rest(self) -> None:
        """End all faults, begin all that has not begun, and wait until nothing more happens."""
        self.weather.is_calm = True
        self.tell("calm")
        self.node.crash_at = None
        if not self.node.is_up:
            await self._start()
        await self._drain(self.now + runs.SETTLE_MICROS)
        for message in (one for stream in self.node.streams.values() for one in stream.messages):
            self._digest.update(message.id.encode() + message.body)


def _is_start(event: msgspec.Raw, token: str) -> bool:
    try:
        return msgspec.json.decode(event, type=Started).token == token
    except msgspec.DecodeError:
        return False


def play(seed: int, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it."""
    return asyncio.run(runs.played(World, seed, broken, ("routines", keeps_lines)))
