"""``list`` of each kind: filters, order, pages."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import show
from cli.client import Client
from cli.fields import json_or_text, pairs, placed
from cli.session import Session, dashed, flag, verb

WORKFLOW = ("id", "registry_id", "state", "code", "status", "started_at")
COLUMNS = {
    "workflow": ("id", "name", "version", "schedule_active", "plan", "paused.note", "owner"),
    "workspace": ("id", "name", "version", "active", "shared", "owner"),
    "resource": ("id", "name", "type", "capacity", "public", "owner", "version"),
    "execution": ("id", "workflow", "start", "end", "state", "version"),
    "shared_workspace": ("id", "name", "peers", "workspaces", "workflows", "version"),
    "peer": ("id", "state", "url", "unacknowledged", "oldest_at", "last_contact", "refused"),
    "booking": ("id", "status", "capacity", "count", "version"),
    "reservation": ("id", "run", "resource", "start", "end", "units", "status"),
    "registry": ("id", "name", "roots_count", "repos_count", "version"),
    "repo": ("id", "registry_id", "global_path", "tier", "workflow", "error.message", "version"),
    "promotion": ("id", "workflow", "from", "to", "into", "status", "at"),
    "environment": ("id", "label", "follows", "status", "version"),
    "route": ("method", "path", "workflow", "trigger", "status", "version"),
    "executable": ("id", "tag", "path", "sha256", "version"),
    "command": ("id", "name", "executable", "flags", "version"),
    "job": ("id", "name", "command", "values", "version"),
    "job_run": ("id", "job", "status", "compute", "begun_at", "ended_at", "version"),
    "routine": ("id", "name", "on_failure", "at_once", "description", "version"),
    "routine_run": ("id", "routine", "status", "done", "count", "begun_at", "ended_at"),
    "workflow_index": ("id", "active_count", "completed_count", "version"),
    "du_root": (*WORKFLOW, "global_root"),
    "unfreeze_repo": (*WORKFLOW, "repo_id"),
    "freeze_repo": (*WORKFLOW, "repo_id"),
    "ping_registry": WORKFLOW,
}
PAGES_MAX = 10_000
"""How many pages ``--all`` reads."""
PAGE = 50
PAGE_MAX = 500

Where = Annotated[list[str], flag("--where", help="field=value, or field.name=value; may be repeated.")]
Labelled = Annotated[list[str], flag("--label", help="word=value; may be repeated.")]
Order = Annotated[str, flag("--order", help="id, at, name, status or version; - before it turns it.")]
Limit = Annotated[int, flag("--limit", min=1, max=PAGE_MAX, help="At most so many.")]
Cursor = Annotated[str, flag("--cursor", help="Go on behind this, from the last page.")]
From = Annotated[str, flag("--from", help="Not before this instant, RFC 3339.")]
To = Annotated[str, flag("--to", help="Before this instant, RFC 3339.")]
All = Annotated[bool, flag("--all", help="All pages.")]


def add(group: typer.Typer, kind: str, example: str) -> None:
    """Register ``list`` for a kind."""

    @verb(
        group,
        "list",
        example,
        help=f"List what there is of the kind {dashed(kind)}, copies of other nodes' too.",
    )
    async def list_(
        session: Session,
        *,
        where: Where = [],  # noqa: B006  # typer takes no tuple
        label: Labelled = [],  # noqa: B006
        order: Order = "id",
        limit: Limit = PAGE,
        cursor: Cursor = "",
        since: From = "",
        until: To = "",
        all: All = False,
    ) -> None:
        asked: dict[str, Any] = {}
        for name, value in pairs(where, "--where").items():
            asked = placed(asked, name.split("."), json_or_text(value))
        asked |= {"order": order, "limit": limit, "cursor": cursor, "labels": pairs(label, "--label")}
        asked |= {name: value for name, value in (("from", since), ("to", until)) if value}
        async with session.node() as node:
            found = await pages(node, kind, asked, PAGES_MAX if all else 1)
        session.show(found, lambda: show.table(COLUMNS.get(kind, ("id", "name", "version")), found["items"]))
        if found["cursor"] and not session.is_json:
            show.say(f"there is more: --cursor {found['cursor']}, or --all")


async def pages(node: Client, kind: str, asked: dict[str, Any], most: int) -> dict[str, Any]:
    """Return a listing, put together from at most so many pages."""
    found = await node.ask(kind, "list", asked)
    for _ in range(most - 1):
        if not found["cursor"]:
            break
        more = await node.ask(kind, "list", asked | {"cursor": found["cursor"]})
        found = more | {"items": found["items"] + more["items"]}
    return found
