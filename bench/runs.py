"""(h) Durable runs of three steps, beside DBOS on SQLite and Restate doing the same."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import restate_runs
from bench.nodes import Measured, node
from bench.report import each_round, median, percentile, tell

ROUNDS = 3
SINGLE = 100
"""How many run one after the other, in each round."""
MANY = {"covey": 1_000, "jq": 400, "dbos": 80, "temporal": 40, "restate": 600}
"""How many run in each crowd of each round; of those that take longer fewer."""
OURS, WORKING = "covey: three tasks", "covey: three tasks for its worker"
CROWDS = (1, 8, 32)
OTHER_SECONDS = 300.0
"""What one of the others may take in one round."""
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
    """Measure all in turn, several times: a machine that is busy is so for all of them."""
    measured: dict[str, list[Times]] = defaultdict(list)
    for number in each_round(ROUNDS):
        place = directory / str(number)
        async with node(place / "covey", "covey") as one:
            measured[OURS].append(await _ours(one, "three", DEFINITION, ("covey", 1)))
            measured[WORKING].append(await _ours(one, "adding", ADDING, ("jq", 4)))
        for name, times in (await _theirs(place)).items():
            measured[name].append(times)
    rows = []
    for name, rounds in measured.items():
        rows.append(_row(name, rounds))
        if name not in (OURS, WORKING):
            rows.append(_ratio(f"covey is quicker than {name}, times", measured[OURS], rounds))
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
        (directory / "restate").mkdir(parents=True)
        found["restate"] = await restate_runs.measured(directory / "restate", SINGLE, MANY["restate"], CROWDS)
    return found


async def _other(name: str, path: Path) -> Times:
    crowds = [str(crowd) for crowd in CROWDS]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"bench.{name}_runs", str(path), str(SINGLE), str(MANY[name]), *crowds),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, _ = await asyncio.wait_for(child.communicate(), OTHER_SECONDS)
    finally:
        with suppress(ProcessLookupError):  # its server is in its group, too
            os.killpg(child.pid, signal.SIGKILL)
    if child.returncode:
        raise RuntimeError(f"{name} ended with {child.returncode}")
    told = json.loads(out.splitlines()[-1])
    return told["times"], {int(crowd): rate for crowd, rate in told["rates"].items()}


def _row(what: str, rounds: Sequence[Times]) -> dict[str, Any]:
    times = [one for round in rounds for one in round[0]]
    figures = {f"{crowd} at once": median([round[1][crowd] for round in rounds]) for crowd in CROWDS}
    return {"what": what, "p50 ms": percentile(times, 0.5), "p99 ms": percentile(times, 0.99), **figures}


def _ratio(what: str, ours: Sequence[Times], theirs: Sequence[Times]) -> dict[str, Any]:
    """Compare what was measured in the same round; of the rounds the middle one counts."""
    pairs = list(zip(ours, theirs, strict=True))
    quicker = {
        f"p{share} ms": median(
            [percentile(they[0], share / 100) / percentile(we[0], share / 100) for we, they in pairs]
        )
        for share in (50, 99)
    }
    more = {
        f"{crowd} at once": median([we[1][crowd] / they[1][crowd] for we, they in pairs]) for crowd in CROWDS
    }
    return {"what": what, **quicker, **more}
