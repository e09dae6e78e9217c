"""How figures are told: a table for people, a JSON line for programs."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


def tell(name: str, what: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the figures of one benchmark."""
    table = Table(title=f"{name}: {what}", box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in rows[0]:
        table.add_column(column, justify="right" if column != "what" else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console(width=120).print(table)
    print(json.dumps({"bench": name, "rows": rows}), flush=True)


def each_round(count: int) -> Iterator[int]:
    """Yield the numbers of the rounds, and say which one begins."""
    for number in range(count):
        say(f"round {number + 1} of {count}")
        yield number


def say(text: str) -> None:
    """Tell whoever looks on how far it is."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of them lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return statistics.median(values)
