"""(b) How long one call takes, from the request to the committed outcome."""

from __future__ import annotations

import time
from pathlib import Path

from bench.nodes import Measured, node
from bench.report import percentile, tell

CALLS = 1_000
WARM = 100


async def run(directory: Path) -> None:
    """Measure calls one after the other, and asks beside them."""
    async with node(directory / "covey", "covey") as one:
        calls = [await _call(one, n) for n in range(WARM + CALLS)][WARM:]
        asks = [await _ask(one) for n in range(WARM + CALLS)][WARM:]
    tell("latency", f"{CALLS:,} one after the other, milliseconds", [_row("call", calls), _row("ask", asks)])


def _row(what: str, values: list[float]) -> dict[str, object]:
    return {
        "what": what,
        "p50 ms": percentile(values, 0.5),
        "p99 ms": percentile(values, 0.99),
        "most ms": max(values),
    }


async def _call(one: Measured, number: int) -> float:
    began = time.perf_counter()
    await one.call("resource", f"r{number % 50}", "save", name=f"Resource {number}", type="data")
    return (time.perf_counter() - began) * 1000


async def _ask(one: Measured) -> float:
    began = time.perf_counter()
    await one.ask("resource", "get", id="r1")
    return (time.perf_counter() - began) * 1000
