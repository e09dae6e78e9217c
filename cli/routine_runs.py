"""``covey routine run`` and what comes after: runs listed, shown as a tree, followed, cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import past, show, timeline
from cli.client import Client
from cli.ephemeral import Seconds
from cli.errors import FAILED
from cli.examples import example
from cli.follow import Row, until_end
from cli.kinds import MessageId
from cli.listing import PAGE, Cursor, Limit
from cli.outcomes import report
from cli.routine_story import ENDS, KIND, Steps, line
from cli.run_verbs import RunArgument, RunId, Wait, add_cancel, ended, list_runs
from cli.session import Session, flag, verb

ROUTINE = "routine"
COLUMNS = ("id", "routine", "status", "done", "count", "begun_at", "ended_at")

Id = Annotated[str, typer.Argument(help="The id of a routine.", metavar="ROUTINE")]
Follow = Annotated[bool, flag("--follow", help="Show each step until the end, and wait for it.")]
OfRoutine = Annotated[str, flag("--routine", help="Only runs of this routine.")]
Status = Annotated[str, flag("--status", help="running, stopping, success, failure, timeout or cancelled.")]


def add(group: typer.Typer) -> None:
    """Register the verbs among those of routines."""
    _add_run(group)
    _add_looks(group)
    add_cancel(group, KIND, "Give a run up: nothing of it begins any more, and what runs is killed.")

    @verb(group, "wait", example(KIND, "wait"))
    async def wait(session: Session, run: RunArgument, *, seconds: Seconds = 0.0) -> int | None:
        """Wait for the end of a run: exit 0 for a success, else 1 and why."""
        async with session.node() as node:
            await node.ask(KIND, "get", {"id": run})  # who waits for what is not there waits for ever
            return finish(session, await ended(session, node, (KIND, run), seconds), seconds)


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
            begun, left = str(outcome.extra["run"]), seconds
            if follow:
                left = await followed(session, node, begun, seconds)
            return finish(session, await ended(session, node, (KIND, begun), left), seconds)


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
        await list_runs(session, KIND, COLUMNS, {"routine": routine, "state": status}, (limit, cursor))

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


async def followed(session: Session, node: Client, run: str, seconds: float) -> float:
    """Show what happens to a run until it has ended."""

    def put(row: Row) -> None:
        if session.is_json:
            show.put_json(row, is_line=True)
        elif (text := line(row)) is not None:
            show.put(text)

    return await until_end(node, (KIND, run), ENDS, put, seconds)


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
