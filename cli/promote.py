"""``covey workflow promote`` and ``promotions``: to another environment, or refused with all reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import show
from cli.client import Client
from cli.ephemeral import own
from cli.errors import FAILED
from cli.examples import example
from cli.outcomes import report
from cli.session import Session, flag, verb

KIND, WORKFLOW = "promotion", "workflow"
GONE_WELL = ("planned", "deployed", "rolled_back")
WAIT_SECONDS = 60.0
LIMIT = 50

Id = Annotated[str, typer.Argument(help="The id of a workflow.", metavar="ID")]
To = Annotated[str, flag("--to", help="The environment that it is to be in, too.")]
Into = Annotated[str, flag("--into", help="The id that it has there; its first one and the environment.")]
Plan = Annotated[bool, flag("--plan", help="Only check, and show what would be different.")]
RollBack = Annotated[bool, flag("--roll-back", help="Have what was there before the last promotion again.")]
Some = Annotated[str, typer.Argument(help="Of which workflow; of all when left out.", metavar="[ID]")]


def add(group: typer.Typer) -> None:
    """Register the verbs among those of workflows."""

    @verb(group, "promote", example(WORKFLOW, "promote"))
    async def promote(
        session: Session, id: Id, *, to: To, into: Into = "", plan: Plan = False, roll_back: RollBack = False
    ) -> int | None:
        """Have a workflow in another environment, too, when all checks are met; what runs there goes on."""
        async with session.node() as node:
            if roll_back:
                return await _roll_back(session, node, (id, to))
            body = {"to": to, "plan": plan, **({"into": into} if into else {})}
            outcome = await node.call(own(node, (WORKFLOW, id, "promote")), body)
            if outcome.status != "done":
                return report(session, f"{WORKFLOW} {id}", outcome)
            return await _settled(session, node, str(outcome.extra["promotion"]))

    @verb(group, "promotions", example(WORKFLOW, "promotions"))
    async def promotions(session: Session, id: Some = "") -> None:
        """List the promotions, the latest first."""
        wanted = {"limit": LIMIT, "order": "-at", **({WORKFLOW: id} if id else {})}
        async with session.node() as node:
            found = (await node.ask(KIND, "list", wanted))["items"]
        columns = ("id", WORKFLOW, "from", "to", "into", "workflow_version", "status", "at")
        session.show({"items": found}, lambda: show.table(columns, found))


async def _roll_back(session: Session, node: Client, which: tuple[str, str]) -> int | None:
    id, to = which
    wanted = {WORKFLOW: id, "target": to, "limit": LIMIT, "order": "-at"}
    found = (await node.ask(KIND, "list", wanted))["items"]
    last = next((one["id"] for one in found if one["status"] in ("deployed", "rolled_back")), "")
    if not last:
        show.say(f"{WORKFLOW} {id} was never promoted to {to}")
        return FAILED
    outcome = await node.call((KIND, last, "roll_back"), {})
    if outcome.status != "done":
        return report(session, f"{KIND} {last}", outcome)
    return await _settled(session, node, last)


async def _settled(session: Session, node: Client, id: str) -> int | None:
    """Show what came of a promotion, and return the exit code."""
    seconds = min(session.seconds, WAIT_SECONDS)
    told = await node.ask(KIND, "wait", {"id": id, "timeout": seconds})
    session.show({"id": id, **told}, lambda: drawn(told))
    why = f": {told['code']}, {told['detail']}" if told["code"] else ""
    show.say(f"{told['workflow']} to {told['to']} as {told['into']}: {told['status']}{why}")
    return None if told["status"] in GONE_WELL and not told["code"] else FAILED


def drawn(told: Mapping[str, Any]) -> RenderableType:
    """Lay out the checks, and below them what is different."""
    rows = [{**check, "met": "yes" if check["is_met"] else "NO"} for check in told["checks"]]
    return Group(
        show.table(("what", "name", "met", "at", "detail"), rows),
        *(Text(show.clean(line)) for line in _changes(told)),
    )


def _changes(told: Mapping[str, Any]) -> Iterator[str]:
    if told["is_new"]:
        yield f"new in {told['to']}"
    for change in told["changes"]:
        values = [show.cell(change[name]) for name in ("old", "new") if change[name] is not None]
        yield f"{change['what']:<8} {change['at']}  {' → '.join(values)}"
