"""(c) A save with 10 executions and 20 bookings at 2 peers, and a share to 2, until all is confirmed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from bench.nodes import Measured, meet, node
from bench.report import percentile, tell
from bus.client import Heard
from messages import subjects

ROUNDS = 20
EXECUTIONS = 10
OWNERS = ("north", "south")
CAPACITY = 1_000


async def run(directory: Path) -> None:
    """Measure several saves, each of a workflow of its own that is in the shared workspace."""
    async with AsyncExitStack() as stack:
        lab, *owners = [
            await stack.enter_async_context(node(directory / name, name)) for name in ("lab", *OWNERS)
        ]
        heard = await lab.bus.subscribe(subjects.every(lab.node, "evt", "copy"))
        for owner in owners:
            await meet(owner, lab)
            await owner.call(
                "resource", "grid", "save", name="Grid", type="compute", capacity=CAPACITY, public=True
            )
        for _ in owners:
            await anext(heard)
        await lab.call("resource", "model", "save", name="Model", type="processing")
        times = [await _round(lab, owners, number) for number in range(ROUNDS)]
    row = {
        "what": "save to all confirmed",
        "p50 ms": percentile(times, 0.5),
        "least ms": min(times),
        "most ms": max(times),
    }
    tell("cascade", f"{EXECUTIONS} executions, {EXECUTIONS * 2} bookings at 2 peers, shared to 2", [row])


async def _round(lab: Measured, owners: list[Measured], number: int) -> float:
    id = f"w{number}"
    body = _workflow(number)
    await lab.call("workflow", id, "save", **{**body, "schedule_active": False})
    copies = [await owner.bus.subscribe(subjects.every(owner.node, "evt", "copy")) for owner in owners]
    await lab.call(
        "shared_workspace", f"s{number}", "save", name=f"Team {number}", peers=list(OWNERS), workflows=[id]
    )
    await asyncio.gather(*(_copied(heard, id, active=False) for heard in copies))
    executions = await lab.bus.subscribe(subjects.event(lab.node, "execution", "*", "scheduled"))
    began = time.perf_counter()
    await lab.call("workflow", id, "save", **body)
    await asyncio.gather(_scheduled(executions), *(_copied(heard, id, active=True) for heard in copies))
    return (time.perf_counter() - began) * 1000


async def _scheduled(heard: AsyncIterator[Heard]) -> None:
    for _ in range(EXECUTIONS):
        await anext(heard)


async def _copied(heard: AsyncIterator[Heard], id: str, *, active: bool) -> None:
    async for event in heard:
        body = msgspec.json.decode(event.body, type=dict[str, Any])
        if body.get("id") == id and body.get("body", {}).get("schedule_active") is active:
            return


def _workflow(number: int) -> dict[str, Any]:
    start = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + timedelta(days=1)
    grids = {f"grid{n}": {"resource": f"{owner}/grid"} for n, owner in enumerate(OWNERS)}
    return {
        "name": f"Workflow {number}",
        "graph": {
            "items": {"model": {"resource": "model"}, **grids},
            "links": [{"source": "model", "destination": name} for name in grids],
        },
        "schedule": {
            "start": start.isoformat(),
            "end": (start + timedelta(hours=EXECUTIONS)).isoformat(),
            "rrule": f"RRULE:FREQ=HOURLY;COUNT={EXECUTIONS}",
            "inclusive_start": True,
            "duration": "PT30M",
        },
        "schedule_active": True,
    }
