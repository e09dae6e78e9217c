"""``covey watch``: what happens, while it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import msgspec
import typer

from bus.connection import Heard
from cli import show
from cli.errors import Mistake
from cli.fields import json_or_text
from cli.session import Session, flag, verb
from messages import subjects

ANY, REST = "*", ">"

Subject = Annotated[
    str,
    typer.Argument(metavar="[FILTER]", help="A subject, or the part of it after evt: 'workflow.*.saved'."),
]
Kind = Annotated[str, flag("--kind", help="Only events of this kind.")]
Id = Annotated[str, flag("--id", help="Only events of this entity.")]
Correlation = Annotated[str, flag("--correlation", help="Only of the cascade of this first message.")]
Count = Annotated[int, flag("--count", min=0, help="End after so many; 0: never.")]
Seconds = Annotated[float, flag("--for", min=0, help="End after so many seconds; 0: never.")]


class Wanted(msgspec.Struct, frozen=True):
    """Which events are shown."""

    subject: str
    correlation: str
    count: int


def add(app: typer.Typer) -> None:
    """Register ``watch``."""

    @verb(app, "watch", "covey watch 'workflow.*.saved' --count 1 --json")
    async def watch(
        session: Session,
        subject: Subject = "",
        *,
        kind: Kind = "",
        id: Id = "",
        correlation: Correlation = "",
        count: Count = 0,
        seconds: Seconds = 0.0,
    ) -> None:
        """Show events as they happen, until interrupted; with --json one line each."""
        async with session.node() as node:
            wanted = Wanted(events_of(node.node, subject, kind, id), correlation, count)
            heard = await node.bus.subscribe(wanted.subject)
            show.say(f"listening on {wanted.subject}")
            with suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(seconds or None):
                    await _follow(session, heard, wanted)


def events_of(node: str, subject: str, kind: str, id: str) -> str:
    """Return the subject to listen on."""
    if any(not part or part != "".join(part.split()) for part in subject.split(".") if subject):
        raise Mistake(f"{subject!r} is no subject; write it like 'workflow.*.saved', or 'workflow.>'")
    every = subjects.every(node, "evt")
    if subject.startswith("covey."):
        return subject
    if subject:
        return every.removesuffix(REST) + subject
    return subjects.event(node, kind or ANY, id or ANY, REST) if kind or id else every


async def _follow(session: Session, heard: AsyncIterator[Heard], wanted: Wanted) -> None:
    shown = 0
    async for event in heard:
        if wanted.correlation and event.headers.get(subjects.CORRELATION) != wanted.correlation:
            continue
        told = described(event)
        if session.is_json:
            show.put_json(told, is_line=True)
        else:
            show.put(_line(told))
        shown += 1
        if shown == wanted.count:
            return


def described(event: Heard) -> dict[str, Any]:
    """Return an event with what its headers say of it."""
    headers = event.headers
    version = headers.get(subjects.ENTITY_VERSION, "")
    return {
        "subject": event.subject,
        "id": headers.get(subjects.CE_ID, ""),
        "type": headers.get(subjects.CE_TYPE, ""),
        "time": headers.get(subjects.CE_TIME, ""),
        "entity": headers.get(subjects.CE_SUBJECT, ""),
        "version": int(version) if version else None,
        "cause": headers.get(subjects.CAUSE, ""),
        "correlation": headers.get(subjects.CORRELATION, ""),
        "data": json_or_text(event.body.decode(errors="replace")),
    }


def _line(told: dict[str, Any]) -> str:
    version = f" v{told['version']}" if told["version"] else ""
    text = msgspec.json.encode(told["data"]).decode()
    return show.clean(f"{told['time']}  {told['type']:<28} {told['entity']}{version}  {text}")
