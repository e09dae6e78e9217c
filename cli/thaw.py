"""``covey resource thaw``: have the data of a frozen repository unfrozen, and wait for it."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from typing import Annotated, Any

import typer

from actors.ephemeral.tiers import UNFREEZE
from cli import filling, kinds, show
from cli.client import Client
from cli.ephemeral import Seconds, own, wait_for
from cli.examples import example
from cli.fields import check, verb_of
from cli.follow import Following, Part
from cli.outcomes import report
from cli.session import Session, dashed, flag, option, verb
from messages.envelope import Outcome
from messages.resource import Thaw

KIND = "resource"
APPEAR_SECONDS = 30.0
"""How long a workflow that was ordered may take to begin, while somebody waits for it."""

NoWait = Annotated[bool, flag("--no-wait", help="Do not wait until the files can be written.")]


def add(group: typer.Typer) -> None:
    """Register ``thaw`` among the verbs of resources."""
    name = verb_of(Thaw)
    parameters = [
        option("id", kinds.Id, inspect.Parameter.empty),
        *kinds.command_options(KIND, Thaw, filling.found(Thaw)),
        option("no_wait", NoWait, False),
        option("seconds", Seconds, 0.0),
    ]

    @verb(group, name, example(KIND, name), help=Thaw.__doc__ or "", parameters=parameters)
    async def thaw(session: Session, **given: Any) -> int | None:
        body, expect = kinds.body_of(KIND, Thaw, given), kinds.expected(given["expect"])
        async with session.node() as node:
            to = own(node, (KIND, given["id"], name))
            body = await filling.filled(node, Thaw, body, given)
            check(body, Thaw)
            outcome = await node.call(to, body, message=given["message"], expect=expect)
            workflow = await _workflow(node, to[1]) if outcome.status == "done" else ""
            return await _finish(session, node, (to[1], outcome, workflow), given)


async def _finish(
    session: Session, node: Client, thawing: tuple[str, Outcome, str], given: dict[str, Any]
) -> int | None:
    id, outcome, workflow = thawing
    is_waited_for = bool(workflow and not given["no_wait"])
    if workflow and not is_waited_for:
        show.say(f"wait for it: covey {dashed(UNFREEZE.workflow_kind)} wait {workflow}")
    if not (is_waited_for and session.is_json):
        code = report(session, f"{KIND} {id}", outcome)
        if not is_waited_for:
            return code
    await _appear(node, workflow)
    return await wait_for(session, node, (UNFREEZE.workflow_kind, workflow), given["seconds"])


async def _workflow(node: Client, id: str) -> str:
    """Return the workflow that brings the data online, nothing when they are."""
    found = await node.ask(KIND, "get", {"id": id})
    repo = await node.ask("repo", "get", {"id": found["repo"]})
    if repo["tier"] == UNFREEZE.done:
        return ""
    return str(repo["workflow"] if repo["tier"] == UNFREEZE.during else found["thawing"])


async def _appear(node: Client, workflow: str) -> None:
    """Return once the workflow has begun: it was ordered, and need not be there yet."""
    with suppress(TimeoutError):
        async with asyncio.timeout(APPEAR_SECONDS):
            await Following(
                node, (UNFREEZE.workflow_kind, workflow), Part(0, most=1), lambda _row: None
            ).run()
