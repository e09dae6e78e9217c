"""``covey variable``: what differs from one environment to another."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import show
from cli.fields import json_or_text
from cli.outcomes import report
from cli.secret import KIND, Environment
from cli.session import Session, flag, nouns, verb
from messages.environment import MAIN

Name = Annotated[str, typer.Argument(help="What stands behind $vars. in an expression.", metavar="NAME")]
Value = Annotated[str, typer.Argument(help="JSON, or text; null only declares it.", metavar="VALUE")]
Text = Annotated[bool, flag("--text", help="The value is text, also when it looks like JSON.")]


def add(app: typer.Typer) -> None:
    """Register the verbs."""
    group = nouns("Keep the variables of environments.", "covey variable list --environment prod")
    app.add_typer(group, name="variable")

    @verb(group, "set", "covey variable set region '\"eu\"' --environment prod")
    async def set_(
        session: Session, name: Name, value: Value, *, environment: Environment = MAIN, text: Text = False
    ) -> int | None:
        """Give a variable a value."""
        body = {"name": name, "value": value if text else json_or_text(value)}
        async with session.node() as node:
            outcome = await node.call((KIND, environment, "set_variable"), body)
        return report(session, f"variable {name} of {environment}", outcome)

    @verb(group, "list", "covey variable list --environment prod")
    async def list_(session: Session, *, environment: Environment = MAIN) -> None:
        """List the variables and their values."""
        async with session.node() as node:
            found = await node.ask(KIND, "get", {"id": environment})
        rows = [{"name": name, "value": value} for name, value in sorted(found["variables"].items())]
        session.show({"items": rows}, lambda: show.table(("name", "value"), rows))

    @verb(group, "remove", "covey variable remove region --environment prod")
    async def remove(session: Session, name: Name, *, environment: Environment = MAIN) -> int | None:
        """Have a variable no longer."""
        async with session.node() as node:
            outcome = await node.call((KIND, environment, "remove_variable"), {"name": name})
        return report(session, f"variable {name} of {environment}", outcome)
