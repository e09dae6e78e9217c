"""(m) Jobs of a program that does nothing, beside the bare start of the same program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from bench.nodes import Measured, node
from bench.report import each_round, median, percentile, tell

PROGRAM = "/bin/true"
ROUNDS = 3
SINGLE = 50
"""How many are run one after the other, in each round."""
CROWDS = (4, 16)
"""How many are wanted at once; a node runs four at a time."""
MANY = 100
"""How many are run in each crowd of each round."""
MANY_BARE = 1_000

Times = tuple[list[float], dict[int, float]]
Once = Callable[[], Awaitable[None]]


async def run(directory: Path) -> None:
    """Measure both in turn, several times: a machine that is busy is so for both."""
    bare: list[Times] = []
    ours: list[Times] = []
    async with node(directory / "jobs", "jobs") as one:
        await _save(one)
        level = (await one.ask("node", "health"))["jobs"]["level"]
        for number in each_round(ROUNDS):
            bare.append(await _measured(_spawned, MANY_BARE))
            ours.append(await _measured(_ran(one, number), MANY))
    rows = [_row(f"bare {PROGRAM}", bare), _row(f"covey: a job of it ({level})", ours), _ratio(ours, bare)]
    tell("jobs", "from the request to the end that is told; milliseconds, and jobs a second", rows)


async def _save(one: Measured) -> None:
    await one.call("executable", "true-1", "save", tag="true - 1", path=PROGRAM, parameters=[])
    await one.call("command", "true", "save", executable="true-1", flags=[])
    await one.call("job", "true", "save", command="true")


async def _spawned() -> None:
    child = await asyncio.create_subprocess_exec(PROGRAM)
    if await child.wait():
        raise RuntimeError(f"{PROGRAM} ended with {child.returncode}")


def _ran(one: Measured, round_: int) -> Once:
    numbers: Iterator[int] = iter(range(1 << 30))

    async def once() -> None:
        id = f"r-{round_}-{next(numbers)}"
        await one.call("job", "true", "run", run=id)
        told = await one.ask("job_run", "wait", id=id)
        if told.get("status") != "success":
            raise RuntimeError(f"{id}: {told}")

    return once


async def _measured(once: Once, many: int) -> Times:
    for _ in range(SINGLE // 10):
        await once()
    times = [await _seconds(once) * 1000 for _ in range(SINGLE)]
    return times, {crowd: await _rate(once, many, crowd) for crowd in CROWDS}


async def _seconds(once: Once) -> float:
    began = time.perf_counter()
    await once()
    return time.perf_counter() - began


async def _rate(once: Once, many: int, crowd: int) -> float:
    left = iter(range(many))

    async def some() -> None:
        for _ in left:
            await once()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(crowd)))
    return many / (time.perf_counter() - began)


def _row(what: str, rounds: list[Times]) -> dict[str, Any]:
    times = [one for round_ in rounds for one in round_[0]]
    rates = {f"{crowd} at once": median([round_[1][crowd] for round_ in rounds]) for crowd in CROWDS}
    return {"what": what, "p50 ms": percentile(times, 0.5), "p99 ms": percentile(times, 0.99), **rates}


def _ratio(ours: list[Times], bare: list[Times]) -> dict[str, Any]:
    """Say how many times as long a job takes, and what share of the rate it has, of the same rounds."""
    pairs = list(zip(ours, bare, strict=True))
    longer = {
        f"p{share} ms": median(
            [percentile(we[0], share / 100) / percentile(they[0], share / 100) for we, they in pairs]
        )
        for share in (50, 99)
    }
    shares = {
        f"{crowd} at once": median([we[1][crowd] / they[1][crowd] for we, they in pairs]) for crowd in CROWDS
    }
    return {"what": "ratio: times as long, share of the rate", **longer, **shares}
