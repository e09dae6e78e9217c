"""How what happens is written down in the ledger of a compute resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from actors.booking import admitting
from actors.booking.book import Span
from actors.booking.ledger import (
    GONE,
    Ledger,
    Line,
    Pending,
    Requester,
    forget,
    is_released,
    put,
    requester,
    thin,
)
from messages import booking
from messages.booking import (
    Aborted,
    Admitted,
    Cancelled,
    Closed,
    Confirmed,
    Event,
    Held,
    HoldExpired,
    Interval,
    Marked,
    Opened,
    Released,
)
from messages.envelope import micros
from messages.states import ENDED, State


def evolve(ledger: Ledger, event: Event) -> Ledger:
    """Write down what happened."""
    match event:
        case Opened():
            return _open(ledger, event)
        case Closed():
            book = replace(ledger.book, buckets={})
            return replace(ledger, is_open=False, generation=event.generation, book=book, holds={}, slots=0)
        case Held():
            return _hold(ledger, event)
        case Confirmed():
            return _confirm(ledger, event)
        case Aborted():
            return _abort(ledger, event)
        case Released():
            return _release(ledger, event)
        case Marked() | Cancelled():
            return _mark(ledger, event)
        case HoldExpired() | Admitted():
            return _beside(ledger, event)
    assert_never(event)


def _beside(ledger: Ledger, event: HoldExpired | Admitted) -> Ledger:
    if isinstance(event, Admitted):
        return admitting.note(ledger, event)
    return put(ledger, replace(requester(ledger, event.node, event.workflow), pending=None))


def _open(ledger: Ledger, event: Opened) -> Ledger:
    requesters = ledger.requesters
    if not ledger.is_open:
        requesters = {name: _emptied(one) for name, one in requesters.items()}
    return replace(
        ledger,
        resource=event.resource,
        generation=event.generation,
        is_open=True,
        is_public=event.public,
        book=replace(ledger.book, capacity=event.capacity, windows=spans(event.availability)),
        requesters=requesters,
    )


def spans(windows: Iterable[Interval] | None) -> tuple[Span, ...] | None:
    """Return intervals in microseconds since 1970."""
    return None if windows is None else tuple(Span(micros(one.start), micros(one.end)) for one in windows)


def _emptied(one: Requester) -> Requester:
    return replace(one, generation=0, lines=(), pending=None, replaced=())


def _hold(ledger: Ledger, event: Held) -> Ledger:
    if event.forget_before is not None:
        ledger = forget(ledger, event.forget_before)
    before = requester(ledger, event.node, event.workflow)
    lines = _lines(event.slots, event.generation, State.DRAFT)
    pending = Pending(event.generation, micros(event.until), lines)
    after = replace(before, pending=pending, latest=event.generation, reply_to=event.reply_to)
    is_new = before.key not in ledger.requesters
    return thin(put(ledger, after), event.node) if is_new else put(ledger, after)


def _lines(slots: Iterable[booking.BookedSlot], generation: int, state: State) -> tuple[Line, ...]:
    return tuple(
        Line(
            slot.booking, slot.execution, generation, micros(slot.start), micros(slot.end), slot.units, state
        )
        for slot in slots
    )


def _confirm(ledger: Ledger, event: Confirmed) -> Ledger:
    before = requester(ledger, event.node, event.workflow)
    held = before.pending.lines if before.pending else ()
    old = {line.execution: line for line in before.lines if line.state != State.SCHEDULED}
    left_out = {*event.dropped, *event.lost, *(name for name, line in old.items() if line.state in ENDED)}
    new = {line.execution: line for line in held if line.execution not in left_out}
    # what has started goes on under the new plan
    booked = (
        replace(line, state=State.STARTED if name in old else State.SCHEDULED) for name, line in new.items()
    )
    kept = (line for name, line in old.items() if name not in new)
    after = replace(
        before,
        generation=event.generation,
        lines=(*kept, *booked),
        pending=None,
        replaced=tuple(line for line in before.lines if line.state == State.SCHEDULED),
        reply_to=event.reply_to or before.reply_to,
    )
    return put(ledger, after)


def _abort(ledger: Ledger, event: Aborted) -> Ledger:
    before = requester(ledger, event.node, event.workflow)
    ended = max(before.ended, event.generation)
    after = replace(before, ended=ended, latest=max(before.latest, event.generation))
    if before.pending and before.pending.generation == event.generation:
        return put(ledger, replace(after, pending=None))
    if before.generation != event.generation:
        return put(ledger, after)
    kept = (line for line in before.lines if line.state != State.SCHEDULED)
    restored = _lines(event.slots, event.stands, State.SCHEDULED)
    return put(ledger, replace(after, generation=event.stands, lines=(*kept, *restored), replaced=()))


def _release(ledger: Ledger, event: Released) -> Ledger:
    if not event.generation:
        return _without(ledger, event, frozenset(event.executions))
    before = requester(ledger, event.node, event.workflow)
    is_given_up = before.pending is not None and before.pending.generation <= event.generation
    after = replace(
        before,
        generation=0 if before.generation <= event.generation else before.generation,
        lines=tuple(line for line in before.lines if not is_released(line, event.generation)),
        pending=None if is_given_up else before.pending,
        replaced=(),
        ended=max(before.ended, event.generation),
        latest=max(before.latest, event.generation),
    )
    return put(ledger, after)


def _mark(ledger: Ledger, event: Marked | Cancelled) -> Ledger:
    if isinstance(event, Cancelled):
        return _without(ledger, event, frozenset({event.execution}), event.booking)
    if event.state in GONE:
        return _without(ledger, event, frozenset({event.execution}))
    before = requester(ledger, event.node, event.workflow)
    lines = (
        replace(line, state=event.state) if line.execution == event.execution else line
        for line in before.lines
    )
    after = replace(before, lines=tuple(lines))
    # what has ended needs no slot in the next plan either
    return put(ledger, _without_held(after, event.execution) if event.state in ENDED else after)


def _without_held(one: Requester, execution: str) -> Requester:
    if one.pending is None:
        return one
    lines = tuple(line for line in one.pending.lines if line.execution != execution)
    return replace(one, pending=replace(one.pending, lines=lines))


def _without(
    ledger: Ledger, event: Released | Marked | Cancelled, executions: frozenset[str], booking: str = ""
) -> Ledger:
    """Take executions out, or only one slot of theirs."""

    def kept(lines: tuple[Line, ...]) -> tuple[Line, ...]:
        return tuple(
            line
            for line in lines
            if line.execution not in executions or (booking and line.booking != booking)
        )

    before = requester(ledger, event.node, event.workflow)
    pending = before.pending and replace(before.pending, lines=kept(before.pending.lines))
    after = replace(before, lines=kept(before.lines), pending=pending, replaced=kept(before.replaced))
    return put(ledger, after)
