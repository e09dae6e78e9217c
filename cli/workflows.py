"""``covey workflows``: which ephemeral workflows a registry has, active and completed."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import show
from cli.outcomes import report
from cli.session import Session, dashed, nouns, verb

KIND = "workflow_index"
SORTS = ("active", "completed")
COLUMNS = ("state", "workflow", "kind", "since")

Registry = Annotated[str, typer.Argument(help="The id of a registry.", metavar="REGISTRY")]


def add(app: typer.Typer) -> None:
    """Register ``workflows``."""
    group = nouns("The ephemeral workflows of a registry.", "covey workflows index lab")
    app.add_typer(group, name="workflows")

    @verb(group, "index", "covey workflows index lab")
    async def index(session: Session, registry: Registry) -> None:
        """Show which workflows are active, and which were completed and are not deleted yet."""
        async with session.node() as node:
            found = await node.ask(KIND, "get", {"id": registry})
        session.show(found, lambda: lay_out(found))

    @verb(group, "snapshot", "covey workflows snapshot lab")
    async def snapshot(session: Session, registry: Registry) -> int | None:
        """Forget the events of the index and keep the list alone, if that saves enough."""
        async with session.node() as node:
            _, id, _ = node.entity(KIND, registry)
            outcome = await node.call((KIND, id, "snapshot"), {})
        return report(session, f"workflows of {registry}", outcome)


def lay_out(found: dict[str, Any]) -> RenderableType:
    """Return the index as one table; many are shown in part, and counted."""
    rows = [
        {
            "state": sort,
            "workflow": entry["workflow"],
            "kind": dashed(entry["workflow_kind"]),
            "since": entry["since"],
        }
        for sort in SORTS
        for entry in found[sort]
    ]
    counts = ", ".join(f"{found[f'{sort}_count']} {sort}" for sort in SORTS)
    return Group(show.table(COLUMNS, rows), Text(counts))
