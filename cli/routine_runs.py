"""``covey routine run`` and what comes after: runs listed, shown as a tree, followed, cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import past, show, timeline
from cli.client import Client
from cli.ephemeral import ASK_SECONDS_MAX, ASK_SHARE, Seconds, ask_again
from cli.errors import FAILED
from cli.examples import example
from cli.follow import Following, Part, Row
from cli.kinds import MessageId
from cli.listing import PAGE, Cursor, Limit, pages
from cli.outcomes import report
from cli.routine_story import ENDS, KIND, Steps, line
from cli.session import Session, flag, verb

ROUTINE = "routine"
COLUMNS = ("id", "routine", "status", "done", "count", "begun_at", "ended_at")

Id = Annotated[str, typer.Argument(help="The id of a routine.", metavar="ROUTINE")]
RunArgument = Annotated[str, typer.Argument(help="The id of a run.", metavar="RUN")]
RunId = Annotated[str, flag("--run", help="The id of the run; without it one is made up.")]
Wait = Annotated[bool, flag("--wait", help="Wait for the end: exit 0 for a success, else 1.")]
Follow = Annotated[bool, flag("--follow", help="Show each step until the end, and wait for it.")]
Reason = Annotated[str, flag("--reason", help="Why.")]
OfRoutine = Annotated[str, flag("--routine", help="Only runs of this routine.")]
Status = Annotated[str, flag("--status", help="running, stopping, success, failure, timeout or cancelled.")]


def add(group: typer.Typer) -> None:
    """Register the verbs among those of routines."""
    _add_run(group)
    _add_looks(group)

    @verb(group, "cancel", example(KIND, "cancel"))
    async def cancel(session: Session, run: RunArgument, *, reason: Reason = "") -> int | None:
        """Give a run up: nothing of it begins any more, and what runs is killed."""
        async with session.node() as node:
            outcome = await node.call((KIND, run, "cancel"), {"reason": reason})
        return report(session, f"run {run}", outcome)

    @verb(group, "wait", example(KIND, "wait"))
    async def wait(session: Session, run: RunArgument, *, seconds: Seconds = 0.0) -> int | None:
        """Wait for the end of a run: exit 0 for a success, else 1 and why."""
        async with session.node() as node:
            await node.ask(KIND, "get", {"id": run})  # who waits for what is not there waits for ever
            return finish(session, await ended(session, node, run, seconds), seconds)


def _add_run(group: typer.Typer) -> None:
    @verb(group, "run", example(ROUTINE, "run"))
    async def run(
        session: Session,
        id: Id,
        *,
        name: RunId = "",
        wait: Wait = False,
        follow: Follow = False,
        seconds: Seconds = 0.0,
        message: MessageId = "",
    ) -> int | None:
        """Begin a run of what the routine is now, and tell its id."""
        async with session.node() as node:
            body = {"run": name} if name else {}
            outcome = await node.call((ROUTINE, id, "run"), body, message=message)
            if outcome.status != "done" or not (wait or follow):
                return report(session, f"{ROUTINE} {id}", outcome)
            begun = str(outcome.extra["run"])
            if follow:
                await followed(session, node, begun)
            return finish(session, await ended(session, node, begun, seconds), seconds)


def _add_looks(group: typer.Typer) -> None:
    @verb(group, "runs", example(KIND, "list"))
    async def runs(
        session: Session,
        *,
        routine: OfRoutine = "",
        status: Status = "",
        limit: Limit = PAGE,
        cursor: Cursor = "",
    ) -> None:
        """List runs of routines, the latest first."""
        asked: dict[str, Any] = {"order": "-at", "limit": limit, "cursor": cursor}
        asked |= {name: value for name, value in (("routine", routine), ("state", status)) if value}
        async with session.node() as node:
            found = await pages(node, KIND, asked, 1)
        session.show(found, lambda: show.table(COLUMNS, found["items"]))
        if found["cursor"] and not session.is_json:
            show.say(f"there is more: --cursor {found['cursor']}")

    @verb(group, "show", example(KIND, "get"))
    async def show_(session: Session, run: RunArgument) -> None:
        """Show a run: each step with its tries, and a picture of when each of them worked and waited."""
        async with session.node() as node:
            found = await node.ask(KIND, "get", {"id": run})
            steps = Steps().hear(await past.events(node, (KIND, run), found["version"]))
        now = steps.ended_at or max(datetime.now(UTC), steps.last_at or datetime.now(UTC))
        session.show(found, lambda: lay_out(found, steps, now))


def lay_out(run: Mapping[str, Any], steps: Steps, now: datetime) -> RenderableType:
    """Return a heading, the steps and the picture of their times."""
    begun = steps.begun_at or now
    took = timeline.duration((now - begun).total_seconds())
    text = Text(show.clean(f"run {run['id']}  "), style="bold")
    text.append(run["status"], style=timeline.STYLES.get(run["status"], ""))
    text.append(show.clean(f"  {took}  routine {run['routine']}, begun {run['begun_at']}"), style="not bold")
    if run["reason"]:
        text.append("\n" + show.clean(f"reason  {run['reason']}"), style="not bold")
    waiting = [step["id"] for step in run["steps"] if step["status"] == "pending" and not step["attempt"]]
    parts: list[RenderableType] = [text]
    parts.append(timeline.tree(f"{len(run['steps'])} steps", steps.actions, now))
    parts += [Text(show.clean(f"to come: {', '.join(waiting)}"))] if waiting else []
    parts += [Text(""), timeline.picture(steps.actions, begun, now)] if steps.actions else []
    return Group(*parts)


async def followed(session: Session, node: Client, run: str) -> None:
    """Show what happens to a run until it has ended."""

    def put(row: Row) -> None:
        if session.is_json:
            show.put_json(row, is_line=True)
        elif (text := line(row)) is not None:
            show.put(text)
        if row["type"] in ENDS:
            following.end()

    following = Following(node, (KIND, run), Part(0), put)
    await following.run()


async def ended(session: Session, node: Client, run: str, seconds: float = 0.0) -> dict[str, Any]:
    """Ask until a run has ended, or the time is up."""
    now = asyncio.get_running_loop().time
    until = now() + seconds if seconds else None
    each = min(ASK_SECONDS_MAX, session.seconds * ASK_SHARE)
    while True:
        left = each if until is None else max(min(each, until - now()), 0.0)
        told = await ask_again(node, KIND, {"id": run, "timeout": left})
        if told["ended_at"] is not None or (until is not None and now() >= until):
            return told


def finish(session: Session, told: dict[str, Any], seconds: float) -> int | None:
    """Show how a run has ended, and return the exit code."""
    if session.is_json:
        show.put_json(told)
    elif told["ended_at"] is None:
        show.say(f"run {told['id']}: after {seconds:g} s it is {told['status']}; it goes on")
    else:
        reason = f": {told['reason']}" if told["reason"] else ""
        show.say(f"run {told['id']}: {told['status']}{reason}; see covey routine show {told['id']}")
    return None if told["status"] == "success" else FAILED
