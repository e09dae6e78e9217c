"""The book of one compute resource: its owner alone decides who has how much of it, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Any, assert_never, get_args

from actors.actor import Actor, Question, Rejected, Summary, Turn
from actors.booking import admitting, holding
from actors.booking.book import Entry, Load, Span, free, loads, overlapping
from actors.booking.booking_replies import answer, react
from actors.booking.ledger import Ledger, Line, Requester, is_open_to, requester, started
from actors.booking.posting import evolve, spans
from messages.base import Alarm
from messages.booking import (
    Abort,
    Admit,
    Cancel,
    Cancelled,
    Close,
    Closed,
    Command,
    Confirm,
    Event,
    FreeBusy,
    Hold,
    HoldExpired,
    Mark,
    Open,
    Opened,
    Release,
)
from messages.envelope import instant, micros

VIEW_SLOTS = 2_000
"""The most slots that are shown at once."""
FREEBUSY = timedelta(days=366)
"""The longest time that one question may be about."""
FREEBUSY_SLOTS = 5_000
"""The most slots that one question may be about."""


def decide(ledger: Ledger, command: Command, turn: Turn) -> Sequence[Event]:
    """Let each workflow of each node change what it has itself, and this node alone the rest."""
    match command:
        case Hold():
            return holding.hold(ledger, command, turn)
        case Confirm():
            return holding.confirm(ledger, command, turn)
        case Abort():
            return holding.abort(ledger, command, turn)
        case Release():
            return holding.release(ledger, command, turn)
        case Mark():
            return holding.mark(ledger, command, turn)
        case Admit():
            return admitting.admit(ledger, command, turn)
        case Alarm():
            return list(_expired(ledger, max(turn.at, command.due)))
        case Open() | Close() | Cancel():
            return _own(ledger, command, turn)
    assert_never(command)


def _expired(ledger: Ledger, at: datetime) -> Iterator[Event]:
    for name in sorted(name for name, until in ledger.holds.items() if until <= micros(at)):
        one = ledger.requesters[name]
        if one.pending is not None:
            yield HoldExpired(node=one.node, workflow=one.workflow, generation=one.pending.generation)


def _own(ledger: Ledger, command: Open | Close | Cancel, turn: Turn) -> Sequence[Event]:
    if turn.peer:
        raise Rejected("not_owner", f"only {turn.node} itself opens, closes and cancels here")
    match command:
        case Open():
            return _open(ledger, command, turn)
        case Close():
            is_late = not ledger.is_open or command.generation < ledger.generation
            return [] if is_late else [Closed(generation=command.generation, reason=command.reason)]
        case Cancel():
            return [_cancelled(ledger, command)]
    assert_never(command)


def _open(ledger: Ledger, command: Open, turn: Turn) -> Sequence[Event]:
    terms = (command.capacity, spans(command.availability), command.public)
    is_same = ledger.is_open and (ledger.book.capacity, ledger.book.windows, ledger.is_public) == terms
    if is_same or command.generation < ledger.generation:
        return []
    opened = Opened(
        resource=turn.me.id,
        generation=command.generation,
        capacity=command.capacity,
        availability=command.availability,
        public=command.public,
    )
    return [opened]


def _cancelled(ledger: Ledger, command: Cancel) -> Event:
    for one, line in _lines(ledger):
        if line.booking == command.booking:
            return Cancelled(
                node=one.node,
                workflow=one.workflow,
                booking=line.booking,
                execution=line.execution,
                reason=command.reason,
                generation=line.generation,
            )
    raise Rejected("not_found", f"there is no booking {command.booking}", at="/booking")


def _lines(ledger: Ledger) -> Iterator[tuple[Requester, Line]]:
    """Yield every slot and who has it; a book that is closed has none."""
    for one in ledger.requesters.values() if ledger.is_open else ():
        for line in (*one.lines, *(one.pending.lines if one.pending else ())):
            yield one, line


def alarms(ledger: Ledger) -> Mapping[str, datetime]:
    """Want to hear when the next hold expires."""
    return {"expire": instant(min(ledger.holds.values()))} if ledger.holds else {}


def summary(ledger: Ledger) -> Summary | None:
    """Show how large it is and how full."""
    if not ledger.resource:
        return None
    fields = {"capacity": ledger.book.capacity, "slots": ledger.slots}
    return Summary(status="open" if ledger.is_open else "closed", fields=fields)


def view(ledger: Ledger) -> dict[str, Any] | None:
    """Show the slots in the order of their starts, not more than ``VIEW_SLOTS`` of them."""
    if not ledger.resource:
        return None
    first = nsmallest(VIEW_SLOTS, _lines(ledger), key=lambda pair: (pair[1].start, pair[1].booking))
    return {
        "resource": ledger.resource,
        "status": "open" if ledger.is_open else "closed",
        "capacity": ledger.book.capacity,
        "count": ledger.slots,
        "slots": [_shown(one, line) for one, line in first],
    }


def _shown(one: Requester, line: Line) -> dict[str, Any]:
    return {
        "booking": line.booking,
        "node": one.node,
        "workflow": one.workflow,
        "generation": line.generation,
        "execution": line.execution,
        "start": instant(line.start),
        "end": instant(line.end),
        "units": line.units,
        "state": line.state,
    }


def freebusy(ledger: Ledger, query: FreeBusy, turn: Turn) -> dict[str, Any]:
    """Return how many units are taken when, and when as many as asked for are free."""
    if not is_open_to(ledger, turn.peer):
        raise Rejected("not_found", "it takes no bookings")
    if not timedelta(0) < query.to - query.from_ <= FREEBUSY:
        raise Rejected("invalid_question", f"to at most {FREEBUSY.days} days after from", at="/to")
    asked = Load(micros(query.from_), micros(query.to), query.units)
    found = _found(ledger, asked, [requester(ledger, turn.origin, one) for one in query.without])
    if len(found) > FREEBUSY_SLOTS:
        raise Rejected("too_large", f"{len(found)} slots lie in that time; ask about a shorter one", at="/to")
    taken = loads(found, asked.start, asked.end)
    return {
        "capacity": ledger.book.capacity,
        "busy": [_interval(step) | {"units": step.units} for step in taken],
        "free": [_interval(span) for span in free(ledger.book, taken, asked)],
    }


def _found(ledger: Ledger, asked: Load, without: Sequence[Requester]) -> list[Entry]:
    """Return what is in the book at some time, but for what some replace when they are planned anew."""
    names = {one.key for one in without}
    kept = [one for one in overlapping(ledger.book, asked.start, asked.end) if one.holder not in names]
    running = [entry for one in without for entry in started(one)]
    return kept + [one for one in running if one.start < asked.end and one.end > asked.start]


def _interval(span: Span | Load) -> dict[str, Any]:
    return {"start": instant(span.start), "end": instant(span.end)}


ACTOR: Actor[Ledger, Any, Any] = Actor(
    kind="booking",
    commands=(Hold, Confirm, Abort, Release, Mark, Cancel, Admit, Open, Close),
    events=get_args(Event),
    initial=Ledger(),
    decide=decide,
    evolve=evolve,
    react=react,
    answer=answer,
    alarms=alarms,
    summary=summary,
    filters=frozenset({"capacity", "slots"}),
    view=view,
    questions={"freebusy": Question(query=FreeBusy, answer=freebusy, peers_may_ask=True)},
    internal=frozenset({"open", "close", "admit"}),
    peers_may=frozenset({"hold", "confirm", "abort", "release", "mark", "admit"}),
)
