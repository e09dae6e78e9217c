"""Which runs: the options that say so, and the listing of those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import show
from cli.client import Client
from cli.fields import json_or_text, pairs
from cli.listing import PAGE, PAGE_MAX, PAGES_MAX, All, Cursor, From, Limit, Order, To, Where, pages
from cli.session import Session, flag, verb

KIND = "run"
COLUMNS = ("id", "workflow", "workflow_version", "status", "trigger", "begun_at", "ended_at", "actions")

Workflow = Annotated[str, flag("--workflow", help="Runs of this workflow.")]
Status = Annotated[
    str,
    flag("--status", help="pending, running, waiting, suspended, success, failure or cancelled."),
]
Trigger = Annotated[str, flag("--trigger", help="Begun by this: manual, schedule, http, event or workflow.")]
RunVersion = Annotated[int, flag("--of-version", min=0, help="Runs of this version of their workflow.")]


def add(group: typer.Typer) -> None:
    """Register ``list``."""

    @verb(group, "list", "covey run list --workflow forecast --status failure")
    async def list_(
        session: Session,
        *,
        workflow: Workflow = "",
        status: Status = "",
        trigger: Trigger = "",
        number: RunVersion = 0,
        where: Where = [],  # noqa: B006  # typer takes no tuple
        order: Order = "-at",
        limit: Limit = PAGE,
        cursor: Cursor = "",
        since: From = "",
        until: To = "",
        all: All = False,
    ) -> None:
        """List runs, the latest first."""
        given = {"workflow": workflow, "status": status, "trigger": trigger, "number": number, "where": where}
        asked = asked_of(given) | {"order": order, "limit": limit, "cursor": cursor}
        asked |= {name: value for name, value in (("from", since), ("to", until)) if value}
        async with session.node() as node:
            found = await pages(node, KIND, asked, PAGES_MAX if all else 1)
        session.show(found, lambda: show.table(COLUMNS, found["items"]))
        if found["cursor"] and not session.is_json:
            show.say(f"there is more: --cursor {found['cursor']}, or --all")


def asked_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a listing is asked by."""
    named = {"workflow": given["workflow"], "status": given["status"], "trigger": given["trigger"]}
    asked = {name: value for name, value in named.items() if value}
    asked |= {"workflow_version": given["number"]} if given["number"] else {}
    return asked | {name: json_or_text(value) for name, value in pairs(given["where"], "--where").items()}


async def found(node: Client, asked: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """Return the runs that fit, at most so many."""
    if most <= 0:
        return []
    told = await pages(node, KIND, {**asked, "limit": min(most, PAGE_MAX)}, -(-most // PAGE_MAX))
    items: list[dict[str, Any]] = told["items"]
    return items[:most]
