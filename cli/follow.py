"""``covey <kind> history``: what has happened to one entity, and what happens to it now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from bus.connection import Heard
from cli import show
from cli.client import Client
from cli.errors import Failed, Refused
from cli.examples import example
from cli.session import Session, dashed, flag, verb
from messages import subjects

COLUMNS = ("version", "at", "type", "sender", "body")
PAGE = 500
"""How many events a node tells at a time."""
LIMIT_MAX = 1_000_000
WAITING_MAX = 10_000
"""How many events wait to be shown; then the connection waits for us."""
AGAIN_SECONDS = 0.5
"""How long to wait for an event before a node is asked again that did not answer."""
ANSWER_SECONDS = 5.0
"""How long one answer may take while the node may be restarting."""
PAGES_MAX = 100_000
GONE = "not_found"
DELETED = ".deleted"
START = "start"

Row = dict[str, Any]
Put = Callable[[Row], None]

Id = Annotated[
    str, typer.Argument(help="An id, or <node>/<id> for the copy of another node's.", metavar="ID")
]
After = Annotated[int, flag("--after", min=0, help="Only what is later than this version.")]
Limit = Annotated[int, flag("--limit", min=1, max=LIMIT_MAX, help="At most so many.")]
Follow = Annotated[bool, flag("--follow", help="Go on with what happens, until interrupted.")]
Count = Annotated[int, flag("--count", min=0, help="With --follow: end after so many events; 0: never.")]
Seconds = Annotated[float, flag("--for", min=0, help="With --follow: end after so many seconds; 0: never.")]


class Part(NamedTuple):
    """Which part of a history is shown."""

    after: int
    """Only what is later than this version."""
    most: int = 0
    """At most so many events; 0: all."""
    page: int = PAGE
    """How many are asked for at a time."""


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
    ) -> None:
        async with session.node() as node:
            if not follow:
                await _tell(session, node, (kind, id), Part(after, limit))
                return
            following = Following(node, (kind, id), Part(after, count), _put(session))
            with suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(seconds or None):
                    await following.run(lambda: show.say(f"following {dashed(kind)} {id}"))


async def _tell(session: Session, node: Client, what: tuple[str, str], part: Part) -> None:
    told = await page(node, what, part.after, min(part.most, part.page))
    events, is_full = told["events"], len(told["events"]) == part.page
    while is_full and len(events) < part.most:
        size = min(part.most - len(events), part.page)
        more = (await page(node, what, events[-1]["version"], size))["events"]
        events += more
        is_full = len(more) == part.page
    start = [row_of_start(told[START])] if START in told else []
    session.show(told, lambda: show.table(COLUMNS, [*start, *events]))
    if len(events) == part.most and not session.is_json:
        show.say(f"there may be more: --after {events[-1]['version']}")


async def page(node: Client, what: tuple[str, str], after: int, limit: int = PAGE) -> dict[str, Any]:
    """Ask for a part of a history."""
    kind, id = what
    return await node.ask(kind, "history", {"id": id, "after": after, "limit": limit})


def row_of_start(start: dict[str, Any]) -> Row:
    """Return what stands for the events that were trimmed."""
    return {"version": start["version"], "type": START, "body": start["state"]}


class Following:
    """Shows each version once: what there is, then what comes, over restarts of the node."""

    def __init__(self, node: Client, what: tuple[str, str], part: Part, put: Put) -> None:
        self._node = node.patient_for(ANSWER_SECONDS)
        self._what = what
        self._seen = part.after
        self._put = put
        self._left = part.most or None
        self._page_size = part.page
        self._heard: asyncio.Queue[Heard | None] = asyncio.Queue(WAITING_MAX)
        """What was told; None: something may have been told that we have not heard."""
        self._is_behind = True
        self._is_over = False
        self._is_begun = False

    async def run(self, on_begun: Callable[[], None] = lambda: None) -> None:
        """Listen first, then read, so that nothing falls between; returns when nothing more can come."""
        kind, id, _ = self._node.entity(*self._what)
        events = await self._node.bus.subscribe(subjects.event(self._node.node, kind, id, "*"))
        self._node.bus.on_reconnect = self._lost
        await self._read()  # a node that does not answer now is told of
        self._is_begun = True
        if not self._is_over:
            on_begun()
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(events))
                while not self._is_over:
                    await self._advance()
                listening.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    def end(self) -> None:
        """Show nothing more; for whoever has seen what they waited for."""
        self._is_over = True

    def _lost(self) -> None:
        """Look again: while the connection was away, events were told that nobody kept for us."""
        self._is_behind = True
        with suppress(asyncio.QueueFull):  # then there is something to wake up for
            self._heard.put_nowait(None)

    async def _listen(self, events: AsyncIterator[Heard]) -> None:
        async for event in events:
            await self._heard.put(event)

    async def _advance(self) -> None:
        event = None
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_SECONDS if self._is_behind else None):
                event = await self._heard.get()
        if event is None or _version(event) > self._seen:
            await self._catch_up(event)

    async def _catch_up(self, event: Heard | None) -> None:
        try:
            await self._read(event)
        except Refused:
            raise
        except Failed as error:  # it restarts
            if not self._is_behind:
                show.say(f"{error}; following on")
            self._is_behind = True

    async def _read(self, event: Heard | None = None) -> None:
        """Show what is new; what can no longer be read is shown as it was heard."""
        for _ in range(PAGES_MAX):
            told = await self._page()
            self._is_behind = False
            if told is None:
                self._gone(event)
                return
            start = told.get(START, {"version": 0, "state": None})
            if start["version"] > self._seen:
                is_next = event is not None and _version(event) == self._seen + 1
                self._show(_row(event) if event is not None and is_next else row_of_start(start))
            if start["version"] > self._seen:
                return  # what is between was told too, and is heard next
            for row in told["events"]:
                self._show(row)
            if self._is_over or len(told["events"]) < self._page_size:
                return

    async def _page(self) -> dict[str, Any] | None:
        """Return the next part, or None when there is no such entity, not yet or no more."""
        try:
            return await page(self._node, self._what, self._seen, self._page_size)
        except Refused as no:
            if no.code != GONE or (self._seen and not self._is_begun):
                raise
            return None

    def _gone(self, event: Heard | None) -> None:
        if event is not None:
            self._show(_row(event))
        is_told = event is None or event.subject.endswith(DELETED)
        self._is_over = self._is_over or (is_told and self._seen > 0)

    def _show(self, row: Row) -> None:
        if self._is_over or row["version"] <= self._seen:
            return
        self._seen = row["version"]
        self._put(row)
        if self._left is not None:
            self._left -= 1
            self._is_over = not self._left


def _version(event: Heard) -> int:
    """Return the version that an event made; a refusal makes none."""
    return int(event.headers.get(subjects.ENTITY_VERSION, "0"))


def _row(event: Heard) -> Row:
    """Return an event as a history tells it, as far as it tells that itself."""
    headers = event.headers
    return {
        "version": _version(event),
        "at": headers.get(subjects.CE_TIME, ""),
        "type": headers.get(subjects.CE_TYPE, ""),
        "message": headers.get(subjects.CAUSE, ""),
        "correlation": headers.get(subjects.CORRELATION, ""),
        "body": msgspec.json.decode(event.body),
    }


def _put(session: Session) -> Put:
    if session.is_json:
        return lambda row: show.put_json(row, is_line=True)
    return lambda row: show.put(line(row))


def line(row: Row) -> str:
    """Return an event as one line."""
    body = row["body"]
    if isinstance(body, dict):  # what the line says already is left out
        body = {name: value for name, value in body.items() if value != row.get(name)}
    text = msgspec.json.encode(body).decode() if body else ""
    return show.clean(f"{row['version']:>5}  {row.get('at', ''):<27}  {row['type']:<28}  {text}").rstrip()
