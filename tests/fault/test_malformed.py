"""Ten thousand messages that no node may take: each is refused and accounted for, nothing else changes."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fault.mutants import Mutant, mutants
from tests.fault.process import NODE, NodeProcess, node_process
from tests.fault.told import Told, told
from tests.fault.wire import Wire, wire

MESSAGES = 10_000
GIVEN = "('environment', 'user', 'grant')"
"""The kinds of what a node has from its first start on."""
SEEDS = range(1, 11 if os.environ.get("COVEY_SOAK") else 2)


async def pour(wire: Wire, seed: int) -> None:
    """Say all of them at once, as fast as they are answered."""

    async def say(name: str, mutant: Mutant) -> None:
        if name == "cmd unknown kind":
            await wire.tell(mutant)  # no stream takes it, so there is no acknowledgement
            return
        answer = json.loads(await wire.ask(mutant))
        is_kept = answer.get("stream") == "CMD" and "duplicate" not in answer
        assert is_kept or answer.get("status") in ("rejected", "dead"), (name, mutant, answer)

    async with asyncio.TaskGroup() as group:
        for name, mutant in mutants(seed, MESSAGES):
            group.create_task(say(name, mutant))


async def good(wire: Wire, number: int) -> float:
    """Say a good command and return how long it took."""
    since = time.perf_counter()
    body = json.dumps({"name": f"good {number}"}).encode()
    answer = await wire.ask(
        Mutant(f"covey.{NODE}.call.workspace.good.save".encode(), b"NATS/1.0\r\n\r\n", body)
    )
    assert json.loads(answer)["status"] == "done"
    return time.perf_counter() - since


async def good_ones(wire: Wire, pouring: asyncio.Task[None]) -> list[float]:
    """Say good commands, one after the other, as long as the others pour in."""
    durations: list[float] = []
    while not pouring.done():
        durations.append(await good(wire, len(durations)))
    return durations


def rows(node: NodeProcess, sql: str) -> list[Any]:
    with closing(sqlite3.connect(node.data / "covey.db")) as db:
        return db.execute(sql).fetchall()


def refusals(heard: Told) -> int:
    return sum(count for type_, count in heard.types.items() if type_.endswith((".rejected", ".dead")))


@pytest.mark.parametrize("seed", SEEDS)
async def test_malformed_messages_are_accounted_for_and_change_nothing(seed: int, tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.start()
        async with wire(node) as client, wire(node) as other, told(node) as heard:
            pouring = asyncio.create_task(pour(other, seed))
            during = await good_ones(client, pouring)
            await pouring
            await heard.until(lambda heard: refusals(heard) >= MESSAGES)
            after = [await good(client, -number) for number in range(1, 21)]
        assert node.is_alive
        assert "Traceback" not in node.errors
        await node.stop()

    counted = "json_extract(outcome, '$.status'), count(*) FROM inbox"
    statuses = dict(
        rows(node, f"SELECT {counted} WHERE json_extract(outcome, '$.kind') NOT IN {GIVEN} GROUP BY 1")
    )
    assert statuses["rejected"] + statuses["dead"] == MESSAGES
    assert statuses["done"] == len(during) + len(after)
    assert rows(node, "SELECT count(*) FROM deadletter") == [(statuses["dead"],)]
    changed = rows(node, f"SELECT DISTINCT kind, id FROM journal WHERE kind NOT IN {GIVEN}")
    assert changed == [("workspace", "good")]
    assert refusals(heard) == MESSAGES
    print(f"a good command took {max(during):.2f} s at most meanwhile, {max(after):.2f} s afterwards")
