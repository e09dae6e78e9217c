"""(d) Restart to ready with 100,000 entities, and the memory that takes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.nodes import Measured, node
from bench.report import each_round, tell
from bus.publisher import Outbound
from messages import subjects

ENTITIES = 100_000
PUBLISHED = 1_000
ROUNDS = 3


async def run(directory: Path) -> None:
    """Fill a node, kill it, and start it again, several times."""
    data = directory / "covey"
    async with node(data, "covey") as one:
        await _fill(one)
        await one.kill()
    rows = []
    for _ in each_round(ROUNDS):
        async with node(data, "covey") as one:
            await one.ask("resource", "list", limit=50)
            rows.append(
                {
                    "what": f"{ENTITIES:,} entities",
                    "ready s": one.ready_seconds,
                    "memory MB": one.memory_megabytes(),
                }
            )
            await one.kill()
    tell("restart", "kill -9, then start to ready", rows)


async def _fill(one: Measured) -> None:
    heard = await one.bus.subscribe(subjects.every(one.node, "evt"))
    for start in range(0, ENTITIES, PUBLISHED):
        await one.bus.publish([_command(one.node, n) for n in range(start, start + PUBLISHED)])
        for _ in range(PUBLISHED):
            await anext(heard)


def _command(node: str, number: int) -> Outbound:
    body = msgspec.json.encode({"name": f"Resource {number}", "type": "data"})
    return Outbound(subjects.command(node, "resource", f"r{number}", "save"), f"fill-{number}", {}, body)
