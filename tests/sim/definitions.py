"""Definitions drawn from a seed, and the servers that their calls are answered by."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from random import Random
from typing import Any

from messages import run
from node.calls import caller
from node.calls.failed import Failed
from node.dry_run import DryRun
from tests.flow.driver import evaluated

TOLD = 7
FAILURES = 2
"""How often a flaky server fails a task before it answers."""
WAIT_SECONDS_MAX = 300
DEPTH_MAX = 2
CHILD = "child"
BEGIN = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than now: the deadlines of calls are compared with the clock of the machine."""
HEAD = {"dsl": "1.0.3", "namespace": "sim", "version": "1.0.0"}

Task = dict[str, Any]


class Drawn:
    """Draws tasks that take an object with a number, and give one."""

    def __init__(self, random: Random, *, has_children: bool) -> None:
        self._random = random
        self._count = 0
        self._kinds = [self._set, self._add, self._call, self._flaky, self._caught, self._wait]
        self._lists = [self._for, self._fork, self._do]
        self._extra = [self._run] if has_children else []

    def document(self, name: str, count: int) -> Task:
        """Return a definition of so many tasks, which may end in an error that nothing catches."""
        tasks = self._tasks(count, 0)
        if self._extra and self._random.random() < 0.15:
            error = {"type": "https://sim.test/errors/wrong", "status": 400, "title": "Wrong"}
            tasks.append({self._name(): {"raise": {"error": error}}})
        return {"document": {**HEAD, "name": name}, "do": tasks}

    def _name(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def _tasks(self, count: int, depth: int) -> list[Task]:
        tasks = [{self._name(): self._task(depth)} for _ in range(count)]
        if count > 1 and self._random.random() < 0.3:
            (last,) = tasks[-1]
            cases = [{"even": {"when": "${ .n % 2 == 0 }", "then": last}}, {"odd": {"then": "continue"}}]
            tasks.insert(0, {self._name(): {"switch": cases}})
        return tasks

    def _task(self, depth: int) -> Task:
        kinds = [*self._kinds, *self._extra, *(self._lists if depth < DEPTH_MAX else [])]
        task: Task = self._random.choice(kinds)(depth)
        return {"if": "${ .n % 3 != 0 }", **task} if self._random.random() < 0.15 else task

    def _set(self, _depth: int) -> Task:
        return {"set": {"n": "${ .n }"}}

    def _add(self, _depth: int) -> Task:
        return {"set": {"n": f"${{ .n + {self._random.randint(1, 9)} }}"}}

    def _call(self, _depth: int, path: str = "ok") -> Task:
        given = {"method": "get", "endpoint": {"uri": f"https://sim.test/{path}"}}
        return {"call": "http", "with": given, "output": {"as": "${ {n: ($input.n + .told)} }"}}

    def _flaky(self, depth: int) -> Task:
        delay = {"seconds": self._random.randint(1, 60)}
        retry = {
            "delay": delay,
            "backoff": {"exponential": {}},
            "limit": {"attempt": {"count": FAILURES + 2}},
        }
        catch = {"errors": {"with": {"status": 503}}, "retry": retry}
        return {"try": [{self._name(): self._call(depth, "flaky")}], "catch": catch}

    def _caught(self, depth: int) -> Task:
        handler = [{self._name(): self._add(depth)}]
        catch = {"errors": {"with": {"status": 500}}, "do": handler}
        return {"try": [{self._name(): self._call(depth, "broken")}], "catch": catch}

    def _wait(self, _depth: int) -> Task:
        return {"wait": {"seconds": self._random.randint(1, WAIT_SECONDS_MAX)}}

    def _run(self, _depth: int) -> Task:
        return {"run": {"workflow": {**HEAD_OF_CHILD, "input": {"n": "${ .n }"}}}}

    def _for(self, depth: int) -> Task:
        return {"for": {"in": "${ [1, 2] }"}, "do": self._tasks(self._random.randint(1, 2), depth + 1)}

    def _fork(self, depth: int) -> Task:
        branches = [{self._name(): self._task(depth + 1)} for _ in range(2)]
        return {"fork": {"branches": branches}, "output": {"as": "${ {n: ([.[].n] | add)} }"}}

    def _do(self, depth: int) -> Task:
        return {"do": self._tasks(2, depth + 1)}


HEAD_OF_CHILD = {"namespace": "sim", "name": CHILD, "version": "1.0.0"}


class Servers:
    """Answer calls; how, depends on which attempt of which task of which run it is, and on nothing else."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], list[str]] = defaultdict(list)

    async def make(self, call: run.Call) -> Any:
        """Return what comes of a call, or raise Failed; the same key has the same answer."""
        keys = self._keys[call.run, call.pointer]
        if call.key not in keys:
            keys.append(call.key)
        path = str(call.arguments["endpoint"]["uri"]).rpartition("/")[2]
        is_flaky = path == "flaky" and keys.index(call.key) % (FAILURES + 1) < FAILURES
        if path == "broken" or is_flaky:
            raise Failed("communication", "it fails", 500 if path == "broken" else 503)
        return {"told": TOLD}


End = tuple[str, Any, Any]
"""Status, output, problem."""


async def expected(documents: dict[str, Task], name: str, given: Any) -> End:
    """Return how a dry run of a definition ends."""
    servers = Servers()

    async def evaluate(ask: run.Evaluate) -> run.Evaluated:
        return evaluated(ask)

    async def call(work: run.Call) -> run.Answered | run.Faulted:
        if work.kind != "workflow":
            return await caller.answer(servers.make, work)
        status, output, problem = await expected(documents, work.arguments["name"], work.arguments["input"])
        if status == "success":
            return run.Answered(frame=work.frame, call=work.call, output=output)
        return run.Faulted(frame=work.frame, call=work.call, problem=problem)

    state = await DryRun(evaluate, call, BEGIN).play(documents[name], given)
    return state.status, state.output, state.problem
