"""(k) Schedules: 100,000 starts are loaded, and those that come due begin their runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.nodes import Measured, node
from bench.report import percentile, tell
from bench.runs import DEFINITION
from bus.client import Heard
from messages import subjects

WORKFLOWS = 1_000
"""How many have their starts far ahead."""
STARTS = 100
"""How many starts each of them has."""
FAR = "2040-01-01T00:00:00Z"
STEADY = 1_000
STEADY_SECONDS = 0.05
"""How long one start is after the other."""
BURST = 200
"""How many start at one instant."""
LEAD_SECONDS = 20
"""How long before the first start those are saved that will be due."""
SAVERS = 32
"""How many saves wait at a time."""
LOADED_SECONDS = 900.0
ENDED_SECONDS = 180.0

Schedules = Mapping[str, Mapping[str, Any]]


async def run(directory: Path) -> None:
    """Load the schedules, then measure how late those start that are due."""
    async with node(directory / "schedules", "schedules") as one:
        seconds = await _load(one)
        steady = f"{STEADY:,}, {1 / STEADY_SECONDS:.0f} a second"
        rows = [
            await _measured(one, steady, _due("steady", STEADY, STEADY_SECONDS)),
            await _measured(one, f"{BURST} at one instant", _due("burst", BURST, 0)),
        ]
        memory = one.memory_megabytes()
    loaded = f"{WORKFLOWS * STARTS:,} starts loaded in {seconds:.0f} s, {memory:.0f} MB"
    tell("schedules", f"milliseconds from the instant to execution.started on the bus; {loaded}", rows)


async def _load(one: Measured) -> float:
    """Save the workflows whose starts are far ahead; return how long it took until all were planned."""
    far = {"start": FAR, "rrule": f"FREQ=HOURLY;COUNT={STARTS}", "inclusive_start": True}
    began = time.perf_counter()
    planned = await one.bus.subscribe(subjects.every(one.node, "evt", "execution"))
    counting = asyncio.create_task(_count(planned, WORKFLOWS * STARTS))
    await _save(one, {f"far-{number}": far for number in range(WORKFLOWS)})
    await asyncio.wait_for(counting, LOADED_SECONDS)
    return time.perf_counter() - began


async def _count(heard: AsyncIterator[Heard], wanted: int) -> None:
    async for event in heard:
        wanted -= event.subject.endswith(".scheduled")
        if not wanted:
            return


def _due(word: str, count: int, apart_seconds: float) -> Schedules:
    """Return schedules of one start each, soon."""
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=LEAD_SECONDS)
    return {
        f"{word}-{number}": {"start": (first + timedelta(seconds=number * apart_seconds)).isoformat()}
        for number in range(count)
    }


async def _measured(one: Measured, what: str, schedules: Schedules) -> dict[str, Any]:
    """Save schedules that will soon be due, and return how late their executions have started."""
    heard = await one.bus.subscribe(subjects.every(one.node, "evt", "execution"))
    waiting = asyncio.create_task(_late(heard, schedules))
    await _save(one, schedules)
    if datetime.now(UTC) >= datetime.fromisoformat(str(next(iter(schedules.values()))["start"])):
        raise RuntimeError(f"the saves took longer than {LEAD_SECONDS} s")
    late = await asyncio.wait_for(waiting, ENDED_SECONDS)
    return {"what": what, "p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "most": max(late)}


async def _late(heard: AsyncIterator[Heard], schedules: Schedules) -> list[float]:
    found: list[float] = []
    async for event in heard:
        now, (*_, execution, name) = datetime.now(UTC), event.subject.split(".")
        if name != "started":
            continue
        workflow = "-".join(execution.split("-")[:2])
        due = datetime.fromisoformat(schedules[workflow]["start"])
        found.append((now - due).total_seconds() * 1000)
        if len(found) == len(schedules):
            break
    return found


async def _save(one: Measured, schedules: Schedules) -> None:
    left = iter(schedules.items())

    async def some() -> None:
        for id, schedule in left:
            body = {"name": id, "definition": DEFINITION, "schedule": schedule, "schedule_active": True}
            await one.call("workflow", id, "save", **body)

    await asyncio.gather(*(some() for _ in range(SAVERS)))
