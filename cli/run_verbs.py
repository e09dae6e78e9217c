"""What the runs of jobs and those of routines have in common: listed, cancelled, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cli import show
from cli.client import Client
from cli.ephemeral import ASK_SECONDS_MAX, ASK_SHARE, ask_again
from cli.examples import example
from cli.listing import pages
from cli.outcomes import report
from cli.session import Session, flag, verb

RunArgument = Annotated[str, typer.Argument(help="The id of a run.", metavar="RUN")]
RunId = Annotated[str, flag("--run", help="The id of the run; without it one is made up.")]
Wait = Annotated[bool, flag("--wait", help="Wait for the end: exit 0 for a success, else 1.")]
Reason = Annotated[str, flag("--reason", help="Why.")]


def add_cancel(group: typer.Typer, kind: str, about: str) -> None:
    """Register ``cancel``."""

    @verb(group, "cancel", example(kind, "cancel"), help=about)
    async def cancel(session: Session, run: RunArgument, *, reason: Reason = "") -> int | None:
        async with session.node() as node:
            outcome = await node.call((kind, run, "cancel"), {"reason": reason})
        return report(session, f"run {run}", outcome)


async def list_runs(
    session: Session, kind: str, columns: Sequence[str], wanted: Mapping[str, str], page: tuple[int, str]
) -> None:
    """List the runs that fit, the latest first, from a cursor on."""
    limit, cursor = page
    asked: dict[str, Any] = {"order": "-at", "limit": limit, "cursor": cursor}
    asked |= {name: value for name, value in wanted.items() if value}
    async with session.node() as node:
        found = await pages(node, kind, asked, 1)
    session.show(found, lambda: show.table(columns, found["items"]))
    if found["cursor"] and not session.is_json:
        show.say(f"there is more: --cursor {found['cursor']}")


async def ended(session: Session, node: Client, what: tuple[str, str], seconds: float) -> dict[str, Any]:
    """Ask until a run has ended, or the time is up; 0 seconds: as long as it takes."""
    kind, id = what
    now = asyncio.get_running_loop().time
    until = now() + seconds if seconds else None
    each = min(ASK_SECONDS_MAX, session.seconds * ASK_SHARE)
    while True:
        left = each if until is None else max(min(each, until - now()), 0.0)
        told = await ask_again(node, kind, {"id": id, "timeout": left})
        if told["ended_at"] is not None or (until is not None and now() >= until):
            return told
