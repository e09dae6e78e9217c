"""A node is killed before executions start, and is back when they should have."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from messages.states import ENDED
from tests.fault.process import NodeProcess, node_process
from tests.federation.stage import executions
from tests.nodes import Operator, operating

SOON = timedelta(seconds=8)
"""How long the node has to be told all before the first start."""
LATER_SECONDS = 2
"""How long after the first one the second start is."""
GRACE_SECONDS = 0.1


def workflow(first: datetime, catch_up: str) -> dict[str, Any]:
    set_ = {"say": {"set": {"start": "${ .start }"}}}
    return {
        "name": f"Catch up {catch_up}",
        "definition": {
            "document": {"dsl": "1.0.3", "namespace": "fault", "name": "w", "version": "1.0.0"},
            "do": [set_],
        },
        "schedule": {
            "start": first.isoformat(),
            "rrule": f"FREQ=SECONDLY;INTERVAL={LATER_SECONDS};COUNT=2",
            "inclusive_start": True,
            "grace": f"PT{GRACE_SECONDS}S",
            "overlap": "buffer_all",
            "catch_up": catch_up,
            "catch_up_window": "PT1H",
        },
        "schedule_active": True,
    }


async def killed(node: NodeProcess, first: datetime) -> None:
    """Kill the node before an instant and start it when all that it misses is missed."""
    async with operating(node.data) as operator:
        for policy in ("all", "last", "none"):
            await operator.done("workflow", policy, "save", **workflow(first, policy))
            await operator.becomes(partial(executions, operator, policy), lambda items: len(items) == 2)
    assert datetime.now(UTC) < first
    node.kill()
    await node.until_killed()
    missed = first + timedelta(seconds=LATER_SECONDS + 2 * GRACE_SECONDS)
    await asyncio.sleep((missed - datetime.now(UTC)).total_seconds())  # it is the time that is waited for
    await node.start()


async def ends(operator: Operator, policy: str) -> list[str]:
    """Return how the executions of a workflow have ended, the earlier first."""
    found = await operator.becomes(
        partial(executions, operator, policy), lambda items: all(one["state"] in ENDED for one in items)
    )
    return [one["state"] for one in sorted(found, key=lambda one: str(one["start"]))]


async def test_the_starts_that_were_missed_are_caught_up_as_the_schedule_says(tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.start()
        first = (datetime.now(UTC) + SOON).replace(microsecond=0)
        await killed(node, first)
        async with operating(node.data) as operator:
            found = {policy: await ends(operator, policy) for policy in ("all", "last", "none")}
            runs = await operator.items("run")
        await node.stop()

    assert found == {
        "all": ["success", "success"],
        "last": ["forgotten", "success"],
        "none": ["forgotten", "forgotten"],
    }
    assert sorted(one["workflow"] for one in runs) == ["all", "all", "last"]
