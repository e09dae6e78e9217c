"""(i) Requests over HTTP, each of which begins a run of three steps and is answered with its output."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench.nodes import Measured, node
from bench.report import percentile, tell
from bench.runs import DEFINITION
from node.home import Endpoint

SINGLE = 500
"""How many are sent one after the other."""
CROWDS = (8, 32)
MANY = 2_000
"""How many are sent in each crowd."""
ANSWER_SECONDS = 5.0
DO = [
    {"first": {"set": {"number": "${ .body.number }"}}},
    {"second": {"set": {"number": "${ .number }"}}},
    {"third": {"set": {"number": "${ .number }"}}},
]


async def run(directory: Path) -> None:
    """Measure a request without a run, and with one."""
    async with node(directory / "http", "http", "--http", "0") as one:
        endpoint = msgspec.json.decode((one.data / "endpoint.json").read_bytes(), type=Endpoint)
        trigger = {"id": "web", "type": "http", "method": "POST", "path": "/three"}
        saved = {"name": "Three", "definition": {**DEFINITION, "do": DO}, "triggers": [trigger]}
        await one.call("workflow", "three", "save", **saved)
        await _served(one)
        async with aiohttp.ClientSession(endpoint.http_url) as client:
            rows = [
                await _row("no run: GET /healthz", client, ("GET", "/healthz"), ("status", "ok")),
                await _row("three tasks, recorded", client, ("POST", "/three"), ("number", 1)),
            ]
    tell(
        "http",
        "from the request to the answer; milliseconds, and requests a second by how many at once",
        rows,
    )


async def _served(one: Measured) -> None:
    """Return when the route is there: it follows the workflow over the bus."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while not (await one.ask("route", "list"))["items"]:
            continue  # each question takes its time


async def _row(
    what: str, client: aiohttp.ClientSession, request: tuple[str, str], expected: tuple[str, Any]
) -> dict[str, Any]:
    async def once() -> float:
        began = time.perf_counter()
        body = {"number": 1} if request[0] == "POST" else None
        async with client.request(*request, json=body) as answer:
            told = await answer.json()
        if answer.status != 200 or told[expected[0]] != expected[1]:
            raise RuntimeError(f"{answer.status}: {told}")
        return (time.perf_counter() - began) * 1000

    for _ in range(SINGLE // 10):
        await once()
    times = [await once() for _ in range(SINGLE)]
    rates = {f"{crowd} at once": await _crowd(once, crowd) for crowd in CROWDS}
    return {"what": what, "p50 ms": percentile(times, 0.5), "p99 ms": percentile(times, 0.99), **rates}


async def _crowd(once: Callable[[], Awaitable[float]], crowd: int) -> float:
    numbers: Iterator[int] = iter(range(MANY))

    async def some() -> None:
        for _ in numbers:
            await once()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(crowd)))
    return MANY / (time.perf_counter() - began)
