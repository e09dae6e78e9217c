"""Exported histories: what was recorded is folded, and decided, again by the code of today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from actors import ACTORS
from actors.actor import Actor, Rejected, Turn
from actors.flow.telling import placed
from messages.base import Command, encode, tag
from messages.envelope import Address
from messages.run import Go
from messages.run_events import Paced
from node.live import decode_event
from node.said import commands

FORMAT = 1
"""How an export is written; another number is another form."""
RUN = "run"


class Unreadable(ValueError):
    """It is no export, or not all of one."""


class Export(NamedTuple):
    """A whole history, as a file has it."""

    begin: dict[str, Any]
    rows: list[dict[str, Any]]
    end: dict[str, Any]


class Differs(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that is not as it was."""

    version: int
    """Of the entity, at the event that differs; its last one when only the state does."""
    what: str
    at: str = ""
    """The JSON pointer of the value."""
    was: Any = None
    now: Any = None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay."""

    kind: str
    id: str
    version: int
    events: int
    messages: int
    decided: int
    """How many of the messages were decided again; of the others the history does not tell what was said."""
    differs: Differs | None = None


def read(text: bytes) -> Export:
    """Return the parts of an export; raises Unreadable, naming the line."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            lines.append(msgspec.json.decode(line, type=dict[str, Any]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable(f"line {number} is no JSON object: {error}") from None
    if not lines or lines[0].get("line") != "begin":
        raise Unreadable("line 1 does not begin an export; make one: covey run history ID --export FILE")
    if lines[0].get("format") != FORMAT:
        raise Unreadable(f"it has the form {lines[0].get('format')}; this version of covey reads {FORMAT}")
    if lines[-1].get("line") != "end" or lines[-1].get("events") != len(lines) - 2:
        raise Unreadable(f"it was cut off after line {len(lines)}; export it again")
    return Export(lines[0], lines[1:-1], lines[-1])


def replay(export: Export) -> Replayed:
    """Fold all events, decide again what was said, and compare with what was recorded."""
    actor = next((one for one in ACTORS if one.kind == export.begin["kind"]), None)
    if actor is None:
        raise Unreadable(
            f"there is no kind {export.begin['kind']}; use the version of covey that exported it"
        )
    return _Replay(actor, export).run()


class _Replay:
    """One history, read from its first message to its last."""

    def __init__(self, actor: Actor[Any, Any, Any], export: Export) -> None:
        self._actor = actor
        self._export = export
        self._state = actor.initial
        self._events: list[Any] = []
        self._messages = self._decided = 0
        self._is_paced = False

    def run(self) -> Replayed:
        """Return what came of it."""
        differs = next(self._differences(), None)
        begin = self._export.begin
        return Replayed(
            kind=begin["kind"],
            id=begin["id"],
            version=self._export.end["version"],
            events=len(self._export.rows),
            messages=self._messages,
            decided=self._decided,
            differs=differs,
        )

    def _differences(self) -> Iterator[Differs]:
        for _, found in groupby(self._export.rows, key=lambda row: row["message"]):
            rows = list(found)
            self._messages += 1
            try:
                events = [decode_event(self._actor, row["type"], encode(row["body"])) for row in rows]
                yield from self._decide(rows, events)
                for event in events:
                    self._state = self._actor.evolve(self._state, event)
                self._events += events
            except Exception as error:  # whatever it is, the code of today cannot read what was recorded
                yield Differs(version=rows[0]["version"], what=f"it cannot be read any more: {error!r}")
                return
            self._is_paced = isinstance(events[-1], Paced)
        yield from self._compare()

    def _decide(self, rows: Sequence[dict[str, Any]], events: Sequence[Any]) -> Iterator[Differs]:
        """Decide one message again, where what was said can be told from what came of it."""
        found = [self._compared(rows, events, command) for command in self._commands(rows[0], events)]
        self._decided += bool(found)
        if found and None not in found:
            yield next(one for one in found if one is not None)

    def _commands(self, row: dict[str, Any], events: Sequence[Any]) -> Iterator[Command]:
        if self._is_paced:
            yield Go()
        elif self._actor.kind == RUN:
            before = (self._state, self._events)
            yield from commands(before, events, row["sender"], datetime.fromisoformat(row["at"]))

    def _compared(
        self, rows: Sequence[dict[str, Any]], events: Sequence[Any], command: Command
    ) -> Differs | None:
        """Return where the events of a command are others than they were."""
        first = rows[0]
        try:
            again = self._actor.decide(self._state, command, self._turn(first))
        except Rejected as no:
            return Differs(version=first["version"], what=f"{tag(command)} is refused now: {no}")
        recorded = list(placed(events))  # an older version may have told in two events what one tells
        for (place, event), now in zip(recorded, again, strict=False):
            for at, was, other in differences(_plain(event), _plain(now)):
                version, what = rows[place]["version"], rows[place]["type"]
                return Differs(version=version, what=what, at=at, was=was, now=other)
        if len(recorded) == len(again):
            return None
        count = f"{tag(command)} led to {len(recorded)} events, and leads to {len(again)} now"
        return Differs(version=first["version"] + min(len(recorded), len(again)), what=count)

    def _turn(self, row: dict[str, Any]) -> Turn:
        begin = self._export.begin
        return Turn(
            me=Address(begin["kind"], begin["id"]),
            node=begin["node"],
            message=row["message"],
            at=datetime.fromisoformat(row["at"]),
            sender=row["sender"],
            cause=row.get("cause", ""),
            correlation=row.get("correlation") or row["message"],
            version=row["version"] - 1,
        )

    def _compare(self) -> Iterator[Differs]:
        """Compare what the events lead to now with what they led to; fields that are new do not count."""
        end = self._export.end
        view = _plain(self._actor.view(self._state)) or {}
        for name, was in end["state"].items():
            if name in ("kind", "id", "version"):
                continue
            for at, value, now in differences(was, view.get(name), f"/{name}"):
                yield Differs(version=end["version"], what="the state", at=at, was=value, now=now)


def _plain(value: Any) -> Any:
    return msgspec.json.decode(encode(value))


def differences(was: Any, now: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where two JSON values differ, the pointer and both."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*was, *now]):
            place = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            yield from differences(was.get(name), now.get(name), place)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from differences(one, other, f"{at}/{number}")
    elif was != now or isinstance(was, bool) != isinstance(now, bool):
        yield at, was, now
