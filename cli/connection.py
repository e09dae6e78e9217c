"""``covey connection``: where the calls of an environment go that name a connection."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import show
from cli.outcomes import report
from cli.secret import KIND, Environment
from cli.session import Session, flag, nouns, verb
from messages.environment import MAIN

Name = Annotated[str, typer.Argument(help="What calls name.", metavar="NAME")]
Url = Annotated[
    str, typer.Argument(help="The address; {NAME} in it is put in from the secret.", metavar="URL")
]
Kind = Annotated[str, flag("--kind", help="database, smtp, slack or http; by its address when left out.")]
GUESSED = {"sqlite": "database", "postgresql": "database", "postgres": "database"}
SLACK = "https://hooks.slack.com/"


def add(app: typer.Typer) -> None:
    """Register the verbs."""
    group = nouns("Keep the connections of environments.", "covey connection list --environment prod")
    app.add_typer(group, name="connection")

    @verb(
        group,
        "set",
        "covey connection set shop 'postgresql://covey:{shop_password}@10.1.0.5/shop' --environment prod",
    )
    async def set_(
        session: Session, name: Name, url: Url, *, kind: Kind = "", environment: Environment = MAIN
    ) -> int | None:
        """Say where calls go that name it; a password is the name of a secret in braces."""
        body = {"name": name, "kind": kind or _guessed(url), "url": url}
        async with session.node() as node:
            outcome = await node.call((KIND, environment, "set_connection"), body)
        return report(session, f"connection {name} of {environment}", outcome)

    @verb(group, "list", "covey connection list --environment prod")
    async def list_(session: Session, *, environment: Environment = MAIN) -> None:
        """List the connections."""
        async with session.node() as node:
            found = await node.ask(KIND, "get", {"id": environment})
        rows = [{"name": name, **one} for name, one in sorted(found["connections"].items())]
        session.show({"items": rows}, lambda: show.table(("name", "kind", "url"), rows))

    @verb(group, "remove", "covey connection remove shop --environment prod")
    async def remove(session: Session, name: Name, *, environment: Environment = MAIN) -> int | None:
        """Have a connection no longer."""
        async with session.node() as node:
            outcome = await node.call((KIND, environment, "remove_connection"), {"name": name})
        return report(session, f"connection {name} of {environment}", outcome)


def _guessed(url: str) -> str:
    scheme = url.partition(":")[0]
    if url.startswith(SLACK):
        return "slack"
    return GUESSED.get(scheme, "smtp" if scheme.startswith("smtp") else "http")
