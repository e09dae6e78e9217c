"""``covey environment``: the verbs that are more than one command."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import show
from cli.client import Client
from cli.errors import FAILED
from cli.examples import example
from cli.outcomes import report
from cli.session import Session, flag, verb

KIND = "environment"
SHOWN_MAX = 100

Id = Annotated[str, typer.Argument(help="The name of an environment.", metavar="ID")]
Label = Annotated[str, flag("--label", help="What people call it.")]
Source = Annotated[str, flag("--from", help="Take over the variables and connections of this one.")]
Follows = Annotated[
    list[str], flag("--follows", help="From where workflows may be promoted into it; many times.")
]
Confirm = Annotated[str, flag("--confirm", help="The name once more: all its workflows are deleted, too.")]


def add(group: typer.Typer) -> None:
    """Register the verbs."""

    @verb(group, "create", example(KIND, "create"))
    async def create(
        session: Session,
        id: Id,
        *,
        label: Label = "",
        source: Source = "",
        follows: Follows = [],  # noqa: B006  # typer takes no tuple
    ) -> int | None:
        """Make an environment, empty or from another one."""
        body: dict[str, Any] = {"label": label, "follows": follows, **({"from": source} if source else {})}
        async with session.node() as node:
            return report(session, f"{KIND} {id}", await node.call((KIND, id, "create"), body))

    @verb(group, "policy", example(KIND, "set_policy"))
    async def policy(session: Session, id: Id, *, follows: Follows = []) -> int | None:  # noqa: B006
        """Say from which environments workflows may be promoted into this one."""
        async with session.node() as node:
            outcome = await node.call((KIND, id, "set_policy"), {"follows": follows})
        return report(session, f"{KIND} {id}", outcome)

    @verb(group, "delete", example(KIND, "delete"))
    async def delete(session: Session, id: Id, *, confirm: Confirm = "") -> int | None:
        """Delete an environment with its workflows; without --confirm, tell which these are."""
        async with session.node() as node:
            if not confirm:
                return await _tell(session, node, id)
            outcome = await node.call((KIND, id, "delete"), {"confirm": confirm})
        return report(session, f"{KIND} {id}", outcome)


async def _tell(session: Session, node: Client, id: str) -> int:
    """Tell what would go."""
    await node.ask(KIND, "get", {"id": id})
    found = (await node.ask("workflow", "list", {"environment": id, "limit": SHOWN_MAX}))["items"]
    rows = [{"id": one["id"], "name": one["name"], "active": one["active"]} for one in found]
    session.show({"items": rows}, lambda: show.table(("id", "name", "active"), rows))
    show.say(f"nothing was deleted; these workflows go with it: --confirm {id}")
    return FAILED
