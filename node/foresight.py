"""What the owners of compute would say to holds: they are asked what is free, the rest is worked out here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from actors.booking.book import Book, Entry, Load, Span, change, clashes, nearest
from actors.booking.booking import FREEBUSY
from actors.workflow.plans import booked
from messages.booking import Hold, Interval
from messages.envelope import instant, micros
from node.engine import Engine
from node.questions import ASK_SECONDS, AskPeer
from node.rehearsal import Heard

AROUND = timedelta(days=7)
"""How far before and after what is wanted a free time is looked for."""
ASKS_MAX = 8
"""How many questions, of a year each, an owner is asked about one compute; what is later is not foreseen."""


class Verdict(NamedTuple):
    """What the owner would say to one hold."""

    status: str
    """``free``, ``conflict``, ``refused`` or ``no answer``."""
    conflicts: Sequence[dict[str, Any]] = ()


class Busy(Interval, frozen=True, kw_only=True):
    """How many units are taken."""

    units: int


class Told(msgspec.Struct, frozen=True):
    """What an owner answers, or why it does not."""

    capacity: int = 0
    busy: tuple[Busy, ...] = ()
    free: tuple[Interval, ...] = ()
    code: str = ""
    detail: str = ""


class Line(NamedTuple):
    """A slot that is wanted, in microseconds since 1970."""

    execution: str
    start: int
    end: int
    units: int


async def foresee(
    heard: Sequence[Heard], engine: Engine, ask_peer: AskPeer, at: datetime
) -> Mapping[int, Verdict]:
    """Return what owners would say to the holds among some messages, by the place of each."""
    found: dict[tuple[str, str], dict[int, Hold]] = {}
    for place, message in enumerate(heard):
        if (message.kind, message.verb) == ("booking", "hold"):
            hold = msgspec.json.decode(message.body, type=Hold)
            found.setdefault((message.node, message.id), {})[place] = hold
    told = await asyncio.gather(
        *(_judge(where, list(holds.values()), (engine, ask_peer), at) for where, holds in found.items())
    )
    return {
        place: verdict
        for holds, verdicts in zip(found.values(), told, strict=True)
        for place, verdict in zip(holds, verdicts, strict=True)
    }


async def _judge(
    where: tuple[str, str], holds: Sequence[Hold], asides: tuple[Engine, AskPeer], at: datetime
) -> list[Verdict]:
    """Say of holds of one compute, in their order, whether each can be had."""
    engine, ask_peer = asides
    owner, resource = where
    place = {"owner": owner, "resource": resource}
    windows = _windows(holds)
    try:
        told = await asyncio.gather(*(_ask(where, holds, window, ask_peer) for window in windows))
    except (TimeoutError, msgspec.ValidationError):
        silent = place | {"code": "no_answer", "detail": f"{owner} did not say what is free"}
        return [Verdict("no answer", [silent])] * len(holds)
    refusal = next((one for one in told if one.code), None)
    if refusal is not None:
        refused = place | {"code": refusal.code, "detail": refusal.detail}
        return [Verdict("refused", [refused])] * len(holds)
    book = _book(told)
    for workflow in {hold.workflow for hold in holds}:
        plans = (await engine.peek("workflow", workflow)).state.plans
        book = change(book, (), _entries(workflow, booked(plans, f"{owner}/{resource}"), False))
    return _play(book, holds, place, (micros(windows[-1].to), micros(at)))


class Window(NamedTuple):
    """A time to ask about."""

    from_: datetime
    to: datetime


def _windows(holds: Sequence[Hold]) -> list[Window]:
    """Return the times to ask about, one after the other, each no longer than may be asked about."""
    slots = [slot for hold in holds for slot in hold.slots]
    start, end = min(slot.start for slot in slots) - AROUND, max(slot.end for slot in slots) + AROUND
    count = min(-((start - end) // FREEBUSY), ASKS_MAX)
    return [
        Window(start + number * FREEBUSY, min(start + (number + 1) * FREEBUSY, end))
        for number in range(count)
    ]


async def _ask(where: tuple[str, str], holds: Sequence[Hold], window: Window, ask_peer: AskPeer) -> Told:
    """Ask what is taken by others than the workflows that hold: theirs is known here."""
    without = sorted({hold.workflow for hold in holds})
    body = {"from": window.from_, "to": window.to, "units": 1, "without": without}
    async with asyncio.timeout(ASK_SECONDS):
        return msgspec.convert(await ask_peer(where[0], "booking", where[1], "freebusy", body), Told)


def _book(told: Sequence[Told]) -> Book:
    """Return the book of the owner as far as it told: what is not free for one unit is shut."""
    free = tuple(Span(micros(one.start), micros(one.end)) for each in told for one in each.free)
    busy = [Load(micros(one.start), micros(one.end), one.units) for each in told for one in each.busy]
    return change(Book(capacity=told[0].capacity, windows=free), (), _entries("", busy, False))


def _entries(holder: str, loads: Iterable[Line | Load], is_held: bool) -> list[Entry]:
    return [Entry(load.start, load.end, load.units, holder, is_held) for load in loads]


def _play(
    book: Book, holds: Sequence[Hold], place: Mapping[str, Any], times: tuple[int, int]
) -> list[Verdict]:
    """Say of each hold whether it fits, beside what those before it hold then."""
    until, now = times
    verdicts = []
    held: dict[str, list[Entry]] = {}
    for hold in holds:
        lines = [line for line in _lines(hold) if line.end <= until]
        found = list(zip(lines, clashes(book, hold.workflow, lines), strict=True))
        fits = [line for line, span in found if span is None]
        taken = [line for line, span in found if span is not None]
        if taken and hold.on_conflict == "refuse":
            fits = []
        more = _entries(hold.workflow, fits, True)
        conflicts = [{**place, **_conflict(book, hold.workflow, line, now)} for line in taken]
        book = change(book, held.pop(hold.workflow, ()), more)
        held[hold.workflow] = more
        verdicts.append(Verdict("conflict" if taken else "free", conflicts))
    return verdicts


def _lines(hold: Hold) -> list[Line]:
    slots = ((slot.execution, micros(slot.start), micros(slot.end), slot.units) for slot in hold.slots)
    return sorted((Line(*slot) for slot in slots), key=lambda line: line.start)


def _conflict(book: Book, workflow: str, line: Line, now: int) -> dict[str, Any]:
    free = [{"start": instant(at.start), "end": instant(at.end)} for at in nearest(book, workflow, line, now)]
    return {
        "execution": line.execution,
        "start": instant(line.start),
        "end": instant(line.end),
        "nearest": free,
    }
