"""``covey whoami``: who one is to a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Group, RenderableType

from cli import show
from cli.session import Session, verb

COLUMNS = ("perimeter", "actions", "to", "by")


def add(app: typer.Typer) -> None:
    """Register ``whoami``."""

    @verb(app, "whoami", "covey whoami --data ~/lab --as bob.seed")
    async def whoami(session: Session) -> None:
        """Tell as whom the node knows you, and what you may do."""
        async with session.node() as node:
            told = await node.ask("node", "whoami")
        session.show(told, lambda: standing(told))


def standing(told: Mapping[str, Any]) -> RenderableType:
    """Lay out what somebody may do."""
    rest = {name: value for name, value in told.items() if name != "rights"}
    rights = [{**one, "actions": " ".join(one["actions"])} for one in told["rights"]]
    return Group(show.fields(rest), show.table(COLUMNS, rights))
