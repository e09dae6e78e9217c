"""Executions that make way for others, on a node whose runs are real."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from messages.schedule import Overlap
from tests.federation.stage import executions
from tests.nodes import Operator, one_node

FAR = "2040-01-01T00:00:00Z"
DAYS = [f"2040-01-{day:02}T00:00:00Z" for day in range(1, 6)]
WAITING = {
    "document": {"dsl": "1.0.3", "namespace": "test", "name": "w", "version": "1.0.0"},
    "do": [{"wait": {"wait": {"hours": 1}}}],
}
SCHEDULE = {"start": FAR, "cron": "0 0 * * *", "inclusive_start": True, "end": "2040-01-06T00:00:00Z"}


async def run(node: Operator, day: int, overlap: Overlap) -> str:
    """Have the execution of a day run now; return its id."""
    times = {"from": DAYS[day], "to": DAYS[day + 1]}
    done = await node.done("workflow", "w", "backfill", **times, overlap=overlap)
    (slot,) = done["events"][0]["slots"]
    return str(slot["execution"])


async def becomes(node: Operator, **wanted: str) -> dict[str, Any]:
    """Wait until executions are in these states; return all of them, by id."""

    async def look() -> dict[str, Any]:
        return {one["id"]: one for one in await executions(node, "w")}

    def fits(found: dict[str, Any]) -> bool:
        return all(found[id]["state"] == state for id, state in wanted.items())

    found: dict[str, Any] = await node.becomes(look, fits)
    return found


async def waits(node: Operator, id: str) -> None:
    """Wait until the run of an execution is there and waits: it begins after the execution has started."""
    await node.becomes(partial(node.ask, "run", "get", id), lambda told: told.get("status") == "waiting")


@pytest.mark.parametrize("overlap", ["cancel_other", "terminate_other"])
async def test_a_run_makes_way_for_the_next_and_waiting_ones_follow(overlap: Overlap, tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as node:
        await node.done(
            "workflow", "w", "save", name="W", definition=WAITING, schedule=SCHEDULE, schedule_active=True
        )
        first = await run(node, 0, "skip")
        await becomes(node, **{first: "started"})
        skipped = await run(node, 1, "skip")
        second = await run(node, 2, overlap)
        await becomes(node, **{first: "cancelled", skipped: "cancelled", second: "started"})
        third = await run(node, 3, "buffer_all")
        buffered = (await node.ask("workflow", "get", "w"))["buffered"]
        await waits(node, second)
        await node.done("run", second, "cancel", reason="enough")
        found = await becomes(node, **{second: "cancelled", third: "started"})
        await waits(node, third)
        runs = {one["id"]: (one["status"], one["trigger"]) for one in await node.items("run")}

    assert buffered == [third]
    assert (found[skipped]["started_at"], found[skipped]["reason"]) == (None, f"{first} runs")
    assert runs == {
        first: ("cancelled", "backfill"),
        second: ("cancelled", "backfill"),
        third: ("waiting", "backfill"),
    }
