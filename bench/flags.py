"""(j) The flag matching engine: rules that are added, and combinations that are judged, in a large schema."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from actors import flags
from bench.report import median, percentile, tell

FLAGS = 10_000
RULES = {"requires": 30_000, "interferes": 15_000, "in front of": 5_000}
COMBINATION = 50
COMBINATIONS = 200
SEED = 17
DRAWS_MAX = 1_000


async def run(_directory: Path) -> None:
    """Measure a schema of 10,000 flags and 50,000 rules."""
    draw = random.Random(SEED)
    schema = flags.Schema(_flag(number) for number in range(FLAGS))
    added = [_add(schema, draw, kind) for kind in _shuffled(draw)]
    asked = [
        [_flag(number) for number in draw.sample(range(FLAGS), COMBINATION)] for _ in range(COMBINATIONS)
    ]
    # what is asked for with all that it requires has nothing missing: it is judged in full, and mostly valid
    whole = [list(flags.check(schema, one[: COMBINATION // 10], complete=True).flags) for one in asked]
    rows = [
        _row("add a rule", added),
        _row("check 50 flags", [_timed(flags.check, schema, one) for one in asked]),
        _row(
            "check 50, complete", [_timed(partial(flags.check, complete=True), schema, one) for one in asked]
        ),
        _row("check a whole set", [_timed(flags.check, schema, one) for one in whole]),
        _row("order of 50", [_timed(flags.execution_order, schema, one) for one in asked]),
    ]
    tell("flags", f"milliseconds, {FLAGS:,} flags and {sum(RULES.values()):,} rules", rows)


def _flag(number: int) -> str:
    return f"--flag-{number}"


def _shuffled(draw: random.Random) -> list[str]:
    kinds = [kind for kind, count in RULES.items() for _ in range(count)]
    draw.shuffle(kinds)
    return kinds


def _add(schema: flags.Schema, draw: random.Random, kind: str) -> float:
    """Add a rule that is not refused; return the milliseconds that it took."""
    add = {"requires": schema.require, "interferes": schema.interfere, "in front of": schema.in_front_of}[
        kind
    ]
    for _ in range(DRAWS_MAX):
        one, two = sorted(draw.sample(range(FLAGS), 2))
        try:
            return _timed(add, _flag(one), _flag(two))
        except flags.Refused:
            continue
    raise RuntimeError(f"{DRAWS_MAX} rules in a row were refused")


def _timed(work: Callable[..., object], *given: object) -> float:
    began = time.perf_counter()
    work(*given)
    return (time.perf_counter() - began) * 1e3


def _row(what: str, times: list[float]) -> dict[str, Any]:
    return {"what": what, "p50 ms": median(times), "p99 ms": percentile(times, 0.99), "most ms": max(times)}
