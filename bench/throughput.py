"""(a) Durable commands a second through the whole path, from publish to the outcome told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from bench.nodes import Measured, node, process
from bench.report import each_round, median, tell
from bus.publisher import Outbound
from messages import subjects

COMMANDS = 20_000
ENTITIES = 2_000
PUBLISHED = 500
"""How many commands the client publishes at a time."""
ROUNDS = 3


async def run(directory: Path) -> None:
    """Measure both in turn, several rounds."""
    bare, covey = [], []
    for round_ in each_round(ROUNDS):
        place = directory / f"round-{round_}"
        async with process(place / "bare", "-m", "bench.bare", str(place / "bare")) as one:
            bare.append(await rate(one))
        async with node(place / "covey", "covey") as one:
            covey.append(await rate(one))
    ratios = [ours / theirs for ours, theirs in zip(covey, bare, strict=True)]
    rows = [
        {"what": "bare loop", "commands/s": median(bare), "least": min(bare), "most": max(bare)},
        {"what": "covey", "commands/s": median(covey), "least": min(covey), "most": max(covey)},
        {"what": "ratio", "commands/s": median(ratios), "least": min(ratios), "most": max(ratios)},
    ]
    tell("throughput", f"{COMMANDS:,} durable commands, publish to outcome told", rows)


async def rate(measured: Measured) -> float:
    """Return commands a second, from the first publish to the last event heard."""
    heard = await measured.bus.subscribe(subjects.every(measured.node, "evt"))
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(_publish(measured))
        for _ in range(COMMANDS):
            await anext(heard)
    return COMMANDS / (time.perf_counter() - began)


async def _publish(measured: Measured) -> None:
    for start in range(0, COMMANDS, PUBLISHED):
        await measured.bus.publish([_command(measured.node, n) for n in range(start, start + PUBLISHED)])


def _command(node: str, number: int) -> Outbound:
    body = msgspec.json.encode(
        {"name": f"Resource {number}", "type": "data", "attributes": {"number": number}}
    )
    subject = subjects.command(node, "resource", f"r{number % ENTITIES}", "save")
    return Outbound(subject, f"bench-{number}", {}, body)
