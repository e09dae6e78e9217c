"""What ephemeral workflows have gathered, as tables: bytes in units for people, and a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table as Drawn
from rich.text import Text

from actors.ephemeral.table import Gather, Table
from cli import show
from cli.kinds import Layout

BYTES = "usage"
"""What is gathered under this name are numbers of bytes."""
BAR_COLUMNS = 30
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
STEP = 1024
TENTHS_BELOW = 10


def layout(table: Table) -> Layout:
    """Return how the answers of a kind are shown: what is gathered as a table below the rest."""
    gathers = [fact.gather for fact in table.facts().values() if fact.gather is not None]

    def lay_out(found: Mapping[str, Any]) -> RenderableType:
        inner = {gather.into for gather in gathers}
        parts: list[RenderableType] = [show.fields({n: v for n, v in found.items() if n not in inner})]
        parts += [_drawn(gather, found[gather.into]) for gather in gathers if found.get(gather.into)]
        return Group(*parts)

    return lay_out


def _drawn(gather: Gather, values: Mapping[str, Any]) -> Drawn:
    if gather.value == BYTES:
        return usage(values)
    rows = [{gather.key: key, gather.value: value} for key, value in sorted(values.items())]
    return show.table((gather.key, gather.value), rows)


def usage(values: Mapping[str, int]) -> Drawn:
    """Draw how many bytes lie below each path, the most first, beside a bar."""
    laid = Drawn(box=box.SIMPLE_HEAD, pad_edge=False)
    laid.add_column("usage", justify="right")
    laid.add_column("")
    laid.add_column("path", overflow="fold")
    most = max(values.values(), default=0)
    for path, size in sorted(values.items(), key=lambda one: (-one[1], one[0])):
        bar = Bar(max(most, 1), 0, size, width=BAR_COLUMNS, color="cyan")
        laid.add_row(Text(human(size)), bar, Text(show.clean(path)))
    return laid


def human(size: int) -> str:
    """Return a number of bytes as people say it."""
    value, unit = float(size), 0
    while value >= STEP and unit < len(UNITS) - 1:
        value, unit = value / STEP, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit and value < TENTHS_BELOW else f"{value:.0f} {UNITS[unit]}"
