"""What people read: tables, fields, and one line for what became of a command."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import yaml
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from messages.base import encode

PIPE_COLUMNS = 1000
"""A table that no terminal shows is never cut."""
CELL_CHARACTERS_MAX = 60


def clean(text: str) -> str:
    """Return text that cannot steer a terminal: names come from other organisations too."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def cell(value: Any) -> str:
    """Return a value as it stands in a table."""
    match value:
        case None | "":
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return clean(value)
        case int() | float():
            return str(value)
        case _:
            text = clean(encode(value).decode())
            short = text[: CELL_CHARACTERS_MAX - 1] + "…"
            return text if len(text) <= CELL_CHARACTERS_MAX else short


def reach(value: Any, path: str) -> Any:
    """Return what a dotted path leads to, or None."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Table:
    """Lay out rows; a column is a dotted path into them."""
    laid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        laid.add_column(column.rpartition(".")[2].replace("_", " "), overflow="fold")
    for row in rows:
        laid.add_row(*(Text(cell(reach(row, column))) for column in columns))
    return laid


def fields(value: Mapping[str, Any]) -> Text:
    """Lay out all of one thing, as YAML."""
    text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=False, default_flow_style=False)
    return Text(text.rstrip())


def answer(found: Mapping[str, Any]) -> RenderableType:
    """Lay out an answer: lists of things as tables."""
    rows = {name: value for name, value in found.items() if value and isinstance(value, list)}
    tables = [part for name, value in rows.items() for part in (name, table(tuple(value[0]), value))]
    rest = {name: value for name, value in found.items() if name not in rows}
    return Group(*([fields(rest)] if rest else []), *tables)


def put(renderable: RenderableType) -> None:
    """Write data for people."""
    # neither markup nor colours of its own: what is shown was said by others
    width = None if sys.stdout.isatty() else PIPE_COLUMNS
    is_text = isinstance(renderable, str | Text)
    Console(width=width, markup=False, highlight=False, soft_wrap=is_text).print(renderable)


def put_json(value: Any, *, is_line: bool = False) -> None:
    """Write data for programs."""
    raw = encode(value)
    sys.stdout.write((raw if is_line else msgspec.json.format(raw)).decode() + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Talk to the person, beside the data."""
    print(f"covey: {clean(text)}", file=sys.stderr, flush=True)
