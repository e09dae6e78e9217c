"""What has happened to one entity, and what happens to it now: each version once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from bus.connection import Heard
from cli import show
from cli.client import Client
from cli.errors import Failed, Refused
from messages import subjects

PAGE = 500
"""How many events a node tells at a time."""
WAITING_MAX = 10_000
"""How many events wait to be shown; then the connection waits for us."""
AGAIN_SECONDS = 0.5
"""How long to wait for an event before a node is asked again that did not answer."""
ANSWER_SECONDS = 5.0
"""How long one answer may take while the node may be restarting."""
MOMENT_SECONDS = 0.1
PAGES_MAX = 100_000
GONE = "not_found"
DELETED = ".deleted"
START = "start"

Row = dict[str, Any]
Put = Callable[[Row], None]


class Part(NamedTuple):
    """Which part of a history is shown."""

    after: int
    """Only what is later than this version."""
    most: int = 0
    """At most so many events; 0: all."""
    page: int = PAGE
    """How many are asked for at a time."""


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
            if self._is_over or not told["next"]:
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


async def until_end(
    node: Client, what: tuple[str, str], ends: Container[str], put: Put, seconds: float = 0.0
) -> float:
    """Show all of an entity until one of these events has happened to it, or the time is up (0: never).

    Returns what is left of the time, at least a moment, so that its end can still be asked for.
    """

    def hear(row: Row) -> None:
        put(row)
        if row["type"] in ends:
            following.end()

    following = Following(node, what, Part(0), hear)
    now = asyncio.get_running_loop().time
    until = now() + seconds
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until if seconds else None):
            await following.run()
    return max(until - now(), MOMENT_SECONDS) if seconds else 0.0


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
