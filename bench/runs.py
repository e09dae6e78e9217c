"""(h) Durable runs of three steps, beside DBOS on SQLite doing the same."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.nodes import Measured, node
from bench.report import percentile, tell

SINGLE = 200
"""How many run one after the other."""
MANY = {"covey": 2_000, "dbos": 200}
"""How many run at once, in each crowd."""
CROWDS = (1, 8, 32)
DEFINITION: dict[str, Any] = {
    "document": {"dsl": "1.0.3", "namespace": "bench", "name": "three", "version": "1.0.0"},
    "do": [
        {"first": {"set": {"number": "${ .number }"}}},
        {"second": {"set": {"number": "${ .number }"}}},
        {"third": {"set": {"number": "${ .number }"}}},
    ],
}


async def run(directory: Path) -> None:
    """Measure ours, then theirs."""
    async with node(directory / "covey", "covey") as one:
        ours = await _ours(one)
    rows = [_row("covey: three tasks, recorded", *ours)]
    theirs = await _theirs(directory / "dbos.sqlite")
    if theirs is None:
        print("dbos is not installed: make bench installs it", file=sys.stderr)
    else:
        rows += [_row("dbos: three steps", *theirs), _ratio(ours, theirs)]
    tell("runs", "from the request to the result; milliseconds, and runs a second by how many at once", rows)


async def _ours(one: Measured) -> tuple[list[float], dict[int, float]]:
    await one.call("workflow", "three", "save", name="Three", definition=DEFINITION)
    for number in range(SINGLE // 10):
        await _once(one, f"warm-{number}")
    times = []
    for number in range(SINGLE):
        began = time.perf_counter()
        await _once(one, f"single-{number}")
        times.append((time.perf_counter() - began) * 1000)
    return times, {crowd: await _crowd(one, crowd) for crowd in CROWDS}


async def _crowd(one: Measured, crowd: int) -> float:
    numbers = iter(range(MANY["covey"]))

    async def some() -> None:
        for number in numbers:
            await _once(one, f"crowd-{crowd}-{number}")

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(crowd)))
    return MANY["covey"] / (time.perf_counter() - began)


async def _once(one: Measured, id: str) -> None:
    """Launch a run and wait for its result."""
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(one.ask("run", "wait", id=id))
        await one.call("workflow", "three", "launch", run=id, input={"number": 1})
    told = waiting.result()
    if told.get("output") != {"number": 1}:
        raise RuntimeError(f"{id}: {told}")


async def _theirs(path: Path) -> tuple[list[float], dict[int, float]] | None:
    if importlib.util.find_spec("dbos") is None:
        return None
    crowds = [str(crowd) for crowd in CROWDS]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.dbos_runs", str(path), str(SINGLE), str(MANY["dbos"]), *crowds),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    told = json.loads(out.splitlines()[-1])
    return told["times"], {int(crowd): rate for crowd, rate in told["rates"].items()}


def _row(what: str, times: Sequence[float], rates: dict[int, float]) -> dict[str, Any]:
    figures = {f"{crowd} at once": rates[crowd] for crowd in CROWDS}
    return {"what": what, "p50 ms": percentile(times, 0.5), "p99 ms": percentile(times, 0.99), **figures}


def _ratio(
    ours: tuple[Sequence[float], dict[int, float]], theirs: tuple[Sequence[float], dict[int, float]]
) -> dict[str, Any]:
    quicker = {
        f"p{share} ms": percentile(theirs[0], share / 100) / percentile(ours[0], share / 100)
        for share in (50, 99)
    }
    more = {f"{crowd} at once": ours[1][crowd] / theirs[1][crowd] for crowd in CROWDS}
    return {"what": "covey is so many times quicker", **quicker, **more}
