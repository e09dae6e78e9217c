"""``covey explain``: what a save would cause, told and not done."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import show
from cli.apply import Files, documents_of
from cli.errors import FAILED
from cli.session import Session, flag, verb

COLUMNS = {
    "messages": ("node", "to", "verb"),
    "peers": ("peer", "kind", "id", "state"),
    "executions": ("id", "workflow", "start", "end", "state"),
    "bookings": ("owner", "resource", "execution", "start", "end", "units", "state"),
    "data": ("resource", "repo", "tier", "remedy"),
    "conflicts": ("owner", "resource", "start", "end", "code", "detail"),
    "refusals": ("kind", "id", "code", "detail", "at"),
}
"""What is shown of each part, in this order; other fields that the node tells come after."""
THAWED = frozenset({"frozen", "unfreeze_failed"})
"""The tiers of the repositories of this node that a thaw brings online."""
ROWS_MAX = 200

Every = Annotated[bool, flag("--full", help=f"More than {ROWS_MAX} rows of a part, too.")]


def add(app: typer.Typer) -> None:
    """Register ``explain``."""

    @verb(app, "explain", "covey explain -f forecast.yaml --json")
    async def explain(session: Session, file: Files, full: Every = False) -> int | None:
        """Show every message, peer, execution and booking that saving a file would make; nothing is done.

        Data whose repository is not online are shown with the remedy.
        """
        documents = [
            {"kind": document.kind, "id": document.id, **document.fields}
            for path in file
            for document in documents_of(path)
        ]
        async with session.node() as node:
            told = await node.ask("node", "explain", {"documents": documents})
        session.show(told, lambda: lay_out(with_remedies(told), None if full else ROWS_MAX))
        return FAILED if told.get("conflicts") or told.get("refusals") else None


def with_remedies(told: dict[str, Any]) -> dict[str, Any]:
    """Say of data that are not online how to get them."""
    return {**told, "data": [{**row, "remedy": _remedy(row)} for row in told.get("data", [])]}


def _remedy(row: dict[str, Any]) -> str:
    owner, slash, _ = row["resource"].partition("/")
    if slash:
        return f"ask {owner}"
    return f"covey resource thaw {row['resource']}" if row["tier"] in THAWED else ""


def lay_out(told: dict[str, Any], rows_max: int | None) -> RenderableType:
    """Return a heading and a table for each part."""
    parts: list[RenderableType] = []
    for name, columns in COLUMNS.items():
        rows = [row if isinstance(row, dict) else {columns[0]: row} for row in told.get(name, [])]
        parts.append(Text(f"{name}: {len(rows) or 'none'}", style="bold"))
        if rows:
            parts.append(show.table(_present(columns, rows), rows[:rows_max]))
        if rows_max is not None and len(rows) > rows_max:
            parts.append(Text(f"and {len(rows) - rows_max} more: --full"))
    return Group(*parts)


def _present(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> list[str]:
    """Return the columns that some row has, those that are known first."""
    had = dict.fromkeys(name for row in rows for name in row if row[name] not in (None, "", [], {}))
    return [*(name for name in columns if name in had), *(name for name in had if name not in columns)]
