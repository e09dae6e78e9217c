"""``covey rights``: what somebody may do, and the table of what anybody may."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import matrix, show
from cli.session import Session, nouns, verb
from cli.whoami import standing

User = Annotated[str, typer.Argument(help="The id of a user.", metavar="USER")]


def add(app: typer.Typer) -> None:
    """Register the verbs."""
    group = nouns("See who may do what.", "covey rights of bob --data ~/lab")
    app.add_typer(group, name="rights")

    @verb(group, "of", "covey rights of bob --data ~/lab")
    async def of(session: Session, user: User) -> None:
        """Tell what a user may do: its own rights, and those of its groups."""
        async with session.node() as node:
            told = await node.ask("node", "rights", {"of": user})
        session.show(told, lambda: standing(told))

    @verb(group, "table", "covey rights table > rights.md")
    async def table(session: Session) -> None:
        """Print every command and question, and who may say it, as Markdown; no node needs to run."""
        found = [row._asdict() for row in matrix.rows()] if session.is_json else []
        if session.is_json:
            show.put_json({"roles": dict(matrix.ROLES), "rows": found})
        else:
            print(matrix.markdown(), end="")
