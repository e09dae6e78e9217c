"""(l) A node is killed with 1,000 runs in flight: how soon it is ready again, and when all have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from bench.nodes import Measured, node
from bench.report import each_round, median, tell
from bus.client import Heard
from bus.publisher import Outbound
from messages import subjects

RUNS = 1_000
ROUNDS = 3
PAUSES = (1, 2, 3)
"""How many seconds the runs wait before they are evaluated: some are killed there, some later."""
REST_SECONDS = 3
BEGUN_SECONDS = 60.0
ENDED_SECONDS = 120.0
PAGE = 500
NAME = "killed"
HEAD = {"dsl": "1.0.3", "namespace": "bench", "name": "in-flight", "version": "1.0.0"}


async def run(directory: Path) -> None:
    """Start a node with nothing, with runs that it was killed over, and let as many run undisturbed."""
    measured = [await _round(directory / str(number)) for number in each_round(ROUNDS)]
    empty, ready, ended, undisturbed = (list(figures) for figures in zip(*measured, strict=True))
    rows = [
        _row("an empty node: start to ready", empty),
        _row(f"{RUNS:,} runs in flight: start to ready", ready),
        _row("ratio", [ours / theirs for ours, theirs in zip(ready, empty, strict=True)]),
        _row("as many runs, not killed: to the end of all", undisturbed),
        _row("killed: start to the end of all", ended),
        _row("ratio", [ours / theirs for ours, theirs in zip(ended, undisturbed, strict=True)]),
    ]
    tell("killed", "seconds, the start of the process and of its NATS server included", rows)


async def _round(place: Path) -> tuple[float, float, float, float]:
    async with node(place / "empty", NAME) as one:
        await one.kill()
    async with node(place / "empty", NAME) as one:
        empty = one.ready_seconds
    async with node(place / "killed", NAME) as one:
        await _launched(one)
        await one.kill()
    began = time.perf_counter()
    async with node(place / "killed", NAME) as one:
        await _all_ended(one)
        ready, ended = one.ready_seconds, time.perf_counter() - began
    async with node(place / "undisturbed", NAME) as one:
        await _launched(one)
        began = time.perf_counter()
        await _all_ended(one)
        undisturbed = time.perf_counter() - began
    return empty, ready, ended, undisturbed


async def _launched(one: Measured) -> None:
    """Begin all runs; returns when each has begun."""
    for pause in PAUSES:
        await one.call("workflow", f"flow-{pause}", "save", name=f"flow-{pause}", definition=_waiting(pause))
    begun = await one.bus.subscribe(subjects.event(one.node, "run", "*", "begun"))
    await one.bus.publish([_launch(number) for number in range(RUNS)])
    async with asyncio.timeout(BEGUN_SECONDS):
        for _ in range(RUNS):
            await anext(begun)


def _waiting(pause: int) -> dict[str, Any]:
    """Return what waits, has jq add, and waits once more."""
    steps: list[dict[str, Any]] = [
        {"first": {"set": {"number": "${ .number }"}}},
        {"pause": {"wait": {"seconds": pause}}},
        {"add": {"set": {"number": "${ .number + 1 }"}}},
        {"rest": {"wait": {"seconds": REST_SECONDS}}},
        {"last": {"set": {"number": "${ .number }"}}},
    ]
    return {"document": HEAD, "do": steps}


def _launch(number: int) -> Outbound:
    subject = subjects.command(NAME, "workflow", f"flow-{PAUSES[number % len(PAUSES)]}", "launch")
    body = msgspec.json.encode({"run": f"r-{number}", "input": {"number": number}})
    return Outbound(subject, f"launch-{number}", {}, body)


async def _all_ended(one: Measured) -> None:
    """Return when every run is a success; raises RuntimeError when one is not."""
    succeeded = await one.bus.subscribe(subjects.event(one.node, "run", "*", "succeeded"))
    left, cursor, is_whole = set[str](), "", False
    while not is_whole:
        page = await one.ask("run", "list", limit=PAGE, cursor=cursor)
        left |= {found["id"] for found in page["items"] if found["status"] != "success"}
        cursor = page["cursor"]
        is_whole = not cursor
    async with asyncio.timeout(ENDED_SECONDS):
        await _until_none(left, succeeded)


async def _until_none(left: set[str], succeeded: AsyncIterator[Heard]) -> None:
    while left:
        left.discard((await anext(succeeded)).subject.split(".")[-2])


def _row(what: str, values: list[float]) -> dict[str, Any]:
    return {"what": what, "median": median(values), "least": min(values), "most": max(values)}
