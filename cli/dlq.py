"""``covey dlq``: the messages that could not be handled."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import show
from cli.errors import FAILED, reason_of
from cli.session import Session, flag, nouns, verb

COLUMNS = ("position", "at", "subject", "code", "reason", "attempts", "state")

Position = Annotated[int, typer.Argument(help="The position of the dead letter.", min=1)]
State = Annotated[str, flag("--state", help="dead, retried or discarded.")]
After = Annotated[int, flag("--after", min=0, help="Only behind this position.")]
Limit = Annotated[int, flag("--limit", min=1, max=500, help="At most so many.")]


def add(app: typer.Typer) -> None:
    """Register ``dlq`` and its verbs."""
    group = nouns("Look after the messages that could not be handled.", "covey dlq list")
    app.add_typer(group, name="dlq")

    @verb(group, "list", "covey dlq list --state dead --json")
    async def list_(session: Session, state: State = "dead", after: After = 0, limit: Limit = 50) -> None:
        """List dead letters, oldest first."""
        async with session.node() as node:
            found = await node.ask("node", "dead_letters", {"state": state, "after": after, "limit": limit})
        session.show(found, lambda: show.table(COLUMNS, found["items"]))

    @verb(group, "show", "covey dlq show 7")
    async def show_(session: Session, position: Position) -> None:
        """Show one dead letter with its body, its reason and its traceback."""
        async with session.node() as node:
            found = await node.ask("node", "dead_letter", {"position": position})
        session.show(found, lambda: show.fields(found))

    _add_decisions(group)


def _add_decisions(group: typer.Typer) -> None:
    @verb(group, "retry", "covey dlq retry 7")
    async def retry(session: Session, position: Position) -> int | None:
        """Handle a dead letter once more, as a new message of the same sender."""
        async with session.node() as node:
            told = await node.ask("node", "retry", {"position": position})
        outcome = told["outcome"]
        is_done = outcome["status"] == "done"
        why = "" if is_done else f", {reason_of(outcome)}"
        session.show(told, lambda: show.clean(f"dead letter {position}: {outcome['status']}{why}"))
        return None if is_done else FAILED

    @verb(group, "discard", "covey dlq discard 7")
    async def discard(session: Session, position: Position) -> None:
        """Give a dead letter up; it stays to be read."""
        async with session.node() as node:
            told = await node.ask("node", "discard", {"position": position})
        session.show(told, lambda: f"dead letter {position}: discarded")
