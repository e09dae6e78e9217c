"""``covey <kind> history``: a table of what has happened, or a line for each event as it happens."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import msgspec
import typer

from cli import export, show
from cli.client import Client
from cli.examples import example
from cli.follow import PAGE, START, Following, Part, Put, Row, page, row_of_start
from cli.session import Session, dashed, flag, verb

COLUMNS = ("version", "at", "type", "sender", "body")
LIMIT_MAX = 1_000_000

Id = Annotated[
    str, typer.Argument(help="An id, or <node>/<id> for the copy of another node's.", metavar="ID")
]
After = Annotated[int, flag("--after", min=0, help="Only what is later than this version.")]
Limit = Annotated[int, flag("--limit", min=1, max=LIMIT_MAX, help="At most so many.")]
Follow = Annotated[bool, flag("--follow", help="Go on with what happens, until interrupted.")]
Count = Annotated[int, flag("--count", min=0, help="With --follow: end after so many events; 0: never.")]
Seconds = Annotated[float, flag("--for", min=0, help="With --follow: end after so many seconds; 0: never.")]
Export = Annotated[str, flag("--export", help="Write all of it to a file of JSON lines; - is stdout.")]


def add(group: typer.Typer, kind: str) -> None:
    """Register ``history``."""
    help = f"Show all that happened to one {dashed(kind)}; with --follow --json one line for each event."

    @verb(group, "history", example(kind, "history"), help=help)
    async def history(
        session: Session,
        id: Id,
        *,
        after: After = 0,
        limit: Limit = PAGE,
        follow: Follow = False,
        count: Count = 0,
        seconds: Seconds = 0.0,
        export_to: Export = "",
    ) -> None:
        async with session.node() as node:
            if export_to:
                done = await export.write(node, (kind, id), export_to)
                if export_to != "-":
                    session.show(done, lambda: export.told(done))
                return
            if not follow:
                await _tell(session, node, (kind, id), Part(after, limit))
                return
            following = Following(node, (kind, id), Part(after, count), _put(session))
            with suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(seconds or None):
                    await following.run(lambda: show.say(f"following {dashed(kind)} {id}"))


async def _tell(session: Session, node: Client, what: tuple[str, str], part: Part) -> None:
    told = await page(node, what, part.after, min(part.most, part.page))
    events = told["events"]
    while told["next"] and len(events) < part.most:
        more = await page(node, what, told["next"], min(part.most - len(events), part.page))
        events += more["events"]
        told["next"] = more["next"]
    start = [row_of_start(told[START])] if START in told else []
    session.show(told, lambda: show.table(COLUMNS, map(brief, [*start, *events])))
    if told["next"] and not session.is_json:
        show.say(f"there is more: --after {told['next']}")


def _put(session: Session) -> Put:
    if session.is_json:
        return lambda row: show.put_json(row, is_line=True)
    return lambda row: show.put(line(row))


def line(row: Row) -> str:
    """Return an event as one line."""
    shown = brief(row)
    text = msgspec.json.encode(shown["body"]).decode() if shown["body"] else ""
    return show.clean(f"{row['version']:>5}  {row.get('at', ''):<27}  {row['type']:<28}  {text}").rstrip()


def brief(row: Row) -> Row:
    """Leave out of a body what the row says already."""
    body = row["body"]
    if not isinstance(body, dict):
        return row
    return row | {"body": {name: value for name, value in body.items() if value != row.get(name)} or ""}
