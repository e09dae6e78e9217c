"""(h) Durable runs of three steps, beside DBOS on SQLite and Restate doing the same."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench import restate_runs
from bench.nodes import Measured, node
from bench.report import percentile, tell

SINGLE = 200
"""How many run one after the other."""
MANY = {"covey": 2_000, "jq": 1_000, "dbos": 200, "temporal": 200, "restate": 1_000}
"""How many run at once, in each crowd."""
CROWDS = (1, 8, 32)
HEAD = {"dsl": "1.0.3", "namespace": "bench", "name": "three", "version": "1.0.0"}
STEPS = ("first", "second", "third")
DEFINITION: dict[str, Any] = {
    "document": HEAD,
    "do": [{step: {"set": {"number": "${ .number }"}}} for step in STEPS],
}
ADDING: dict[str, Any] = {
    "document": HEAD,
    "do": [{step: {"set": {"number": "${ .number + 1 }"}}} for step in STEPS],
}
"""The same with steps that the engine leaves to its worker: an addition takes jq."""

OTHERS = {"dbos": "dbos", "temporal": "temporalio"}
"""What is measured in a process of its own, and the module that it needs."""

Times = tuple[list[float], dict[int, float]]


async def run(directory: Path) -> None:
    """Measure ours, then theirs."""
    async with node(directory / "covey", "covey") as one:
        ours = await _ours(one, "three", DEFINITION, ("covey", 1))
        working = await _ours(one, "adding", ADDING, ("jq", 4))
    rows = [_row("covey: three tasks, recorded", ours), _row("covey: three tasks for its worker", working)]
    for name, theirs in (await _theirs(directory)).items():
        rows += [
            _row(f"{name}: three steps", theirs),
            _ratio(f"covey is quicker than {name}, times", ours, theirs),
        ]
    tell("runs", "from the request to the result; milliseconds, and runs a second by how many at once", rows)


async def _ours(one: Measured, workflow: str, definition: dict[str, Any], how: tuple[str, int]) -> Times:
    many, expected = MANY[how[0]], how[1]
    await one.call("workflow", workflow, "save", name=workflow, definition=definition)

    async def once(id: str) -> float:
        began = time.perf_counter()
        await _once(one, workflow, f"{workflow}-{id}", expected)
        return (time.perf_counter() - began) * 1000

    for number in range(SINGLE // 10):
        await once(f"warm-{number}")
    times = [await once(f"single-{number}") for number in range(SINGLE)]
    rates = {}
    for crowd in CROWDS:
        ids = iter([f"crowd-{crowd}-{number}" for number in range(many)])

        async def some(ids: Any = ids) -> None:
            for id in ids:
                await once(id)

        began = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(crowd)))
        rates[crowd] = many / (time.perf_counter() - began)
    return times, rates


async def _once(one: Measured, workflow: str, id: str, expected: int) -> None:
    """Launch a run and wait for its result."""
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(one.ask("run", "wait", id=id))
        await one.call("workflow", workflow, "launch", run=id, input={"number": 1})
    told = waiting.result()
    if told.get("output") != {"number": expected}:
        raise RuntimeError(f"{id}: {told}")


async def _theirs(directory: Path) -> dict[str, Times]:
    """Measure those that are installed; say why others are not."""
    found: dict[str, Times] = {}
    for name, module in OTHERS.items():
        if importlib.util.find_spec(module) is None:
            print(f"{name} is not installed: make bench installs it", file=sys.stderr)
        else:
            found[name] = await _other(name, directory / f"{name}.sqlite")
    if why := restate_runs.lacking():
        print(why, file=sys.stderr)
    else:
        (directory / "restate").mkdir()
        found["restate"] = await restate_runs.measured(directory / "restate", SINGLE, MANY["restate"], CROWDS)
    return found


async def _other(name: str, path: Path) -> Times:
    crowds = [str(crowd) for crowd in CROWDS]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"bench.{name}_runs", str(path), str(SINGLE), str(MANY[name]), *crowds),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    told = json.loads(out.splitlines()[-1])
    return told["times"], {int(crowd): rate for crowd, rate in told["rates"].items()}


def _row(what: str, measured: Times) -> dict[str, Any]:
    times, rates = measured
    figures = {f"{crowd} at once": rates[crowd] for crowd in CROWDS}
    return {"what": what, "p50 ms": percentile(times, 0.5), "p99 ms": percentile(times, 0.99), **figures}


def _ratio(what: str, ours: Times, theirs: Times) -> dict[str, Any]:
    quicker = {
        f"p{share} ms": percentile(theirs[0], share / 100) / percentile(ours[0], share / 100)
        for share in (50, 99)
    }
    more = {f"{crowd} at once": ours[1][crowd] / theirs[1][crowd] for crowd in CROWDS}
    return {"what": what, **quicker, **more}
