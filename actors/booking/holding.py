"""What a workflow may do with its own slots of a compute resource: hold, confirm, abort, release, mark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn

from actors.actor import Rejected, Turn
from actors.booking.book import LONGEST, Span, clashes, nearest
from actors.booking.ledger import (
    HOLD_LONGEST,
    Ledger,
    Line,
    Requester,
    booking_id,
    has_room_for,
    is_open_to,
    is_released,
    requester,
    started,
)
from messages.booking import (
    Abort,
    Aborted,
    BookedSlot,
    Confirm,
    Confirmed,
    Conflict,
    Event,
    Held,
    Hold,
    Interval,
    Mark,
    Marked,
    Release,
    Released,
    Slot,
)
from messages.envelope import instant, micros
from messages.states import ENDED, State

FORGET_EVERY = timedelta(days=1)
"""How often what is past leaves the book, and how long after its end."""
CONFLICTS = 20
"""The most conflicts that a refusal names."""

_MARKS = ENDED | {State.STARTED}


def hold(ledger: Ledger, command: Hold, turn: Turn) -> Sequence[Event]:
    """Hold what fits beside all others; what the workflow has already is going to be replaced."""
    if not is_open_to(ledger, turn.peer):
        raise Rejected("not_found", f"{turn.me.id} takes no bookings")
    one = requester(ledger, turn.origin, command.workflow)
    if command.generation == one.generation:
        return []
    if command.generation < one.latest or command.generation <= one.ended:
        raise Rejected("superseded", f"{one.key} has given up plan {command.generation} or has a later one")
    if command.until <= turn.at:
        raise Rejected("expired", "the hold would have expired already; set a later until", at="/until")
    if turn.peer and not has_room_for(ledger, one):
        raise Rejected("too_many", f"{turn.peer} has slots for too many workflows; release those of some")
    held, skipped = _fitting(ledger, command, turn)
    until = min(command.until, turn.at + HOLD_LONGEST)
    if one.pending and (one.pending.lines, one.pending.until) == (tuple(held), micros(until)):
        return []
    oldest = turn.at - FORGET_EVERY
    is_due = instant(ledger.forgotten_before) <= oldest - FORGET_EVERY
    return [
        Held(
            node=one.node,
            workflow=one.workflow,
            generation=command.generation,
            slots=tuple(_booked(line) for line in held),
            skipped=skipped,
            until=until,
            reply_to=command.reply_to,
            forget_before=oldest if is_due else None,
        )
    ]


def _fitting(ledger: Ledger, command: Hold, turn: Turn) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines that fit and the executions of those that are skipped, or raise Rejected."""
    _check_slots(command.slots)
    one = requester(ledger, turn.origin, command.workflow)
    lines = sorted((_draft(slot, command, one) for slot in command.slots), key=lambda line: line.start)
    found = clashes(ledger.book, one.key, lines, started(one, [line.execution for line in lines]))
    pairs = list(zip(lines, found, strict=True))
    held = [line for line, span in pairs if span is None]
    taken = [(line, span) for line, span in pairs if span is not None]
    if taken and (command.on_conflict == "refuse" or not held):
        _refuse(ledger, one, taken, turn)
    return held, tuple(sorted(line.execution for line, _ in taken))


def _check_slots(slots: Sequence[Slot]) -> None:
    seen: set[str] = set()
    for number, slot in enumerate(slots):
        if not 0 < micros(slot.end) - micros(slot.start) <= LONGEST:
            raise Rejected("invalid_slot", "end at most 366 days after start", at=f"/slots/{number}/end")
        if slot.execution in seen:
            raise Rejected("invalid_slot", "ask once an execution", at=f"/slots/{number}/execution")
        seen.add(slot.execution)


def _refuse(ledger: Ledger, one: Requester, taken: Sequence[tuple[Line, Span]], turn: Turn) -> NoReturn:
    line, span = taken[0]
    others = nearest(ledger.book, one.key, line, micros(turn.at))
    told = f"{line.units} of {ledger.book.capacity} units are not free from {_text(span.start)}"
    raise Rejected(
        "booking_refused",
        f"{told} to {_text(span.end)}, which {line.execution} needs; {len(taken)} slots conflict",
        at="/slots",
        extra={
            "conflicts": tuple(_conflict(line, span) for line, span in taken[:CONFLICTS]),
            "nearest": tuple(Interval(start=instant(at.start), end=instant(at.end)) for at in others),
        },
    )


def _conflict(line: Line, span: Span) -> Conflict:
    return Conflict(
        execution=line.execution,
        start=instant(line.start),
        end=instant(line.end),
        busy_start=instant(span.start),
        busy_end=instant(span.end),
    )


def _text(at: int) -> str:
    return f"{instant(at):%Y-%m-%dT%H:%M:%SZ}"


def confirm(ledger: Ledger, command: Confirm, turn: Turn) -> Sequence[Event]:
    """Book what is held; what is not held, or no longer, has to be held again."""
    one = requester(ledger, turn.origin, command.workflow)
    if ledger.is_open and one.generation == command.generation:
        return []
    pending = one.pending if ledger.is_open else None
    if pending is None or pending.generation != command.generation or pending.until <= micros(turn.at):
        raise Rejected("expired", f"nothing is held for plan {command.generation}; hold it again")
    wanted = [line for line in pending.lines if line.execution not in command.drop]
    # what has started since they were held is not replaced, and there may be no room for both
    running = started(one, [line.execution for line in wanted])
    found = clashes(ledger.book, one.key, wanted, running) if running else [None] * len(wanted)
    return [
        Confirmed(
            node=one.node,
            workflow=one.workflow,
            generation=command.generation,
            dropped=command.drop,
            lost=tuple(line.execution for line, span in zip(wanted, found, strict=True) if span is not None),
            reply_to=command.reply_to,
        )
    ]


def abort(ledger: Ledger, command: Abort, turn: Turn) -> Sequence[Event]:
    """Give up a plan; when it was confirmed, go back to the one before as far as that still fits."""
    one = requester(ledger, turn.origin, command.workflow)
    is_held = one.pending is not None and one.pending.generation == command.generation
    is_booked = not is_held and one.generation == command.generation
    is_known = is_held or is_booked or command.generation >= one.latest > one.ended
    if not ledger.is_open or command.generation <= one.ended or not is_known:
        return []
    back, lost = _restored(ledger, one, turn) if is_booked else ([], ())
    stands = max((line.generation for line in back), default=0) if is_booked else one.generation
    return [
        Aborted(
            node=one.node,
            workflow=one.workflow,
            generation=command.generation,
            restored=bool(back) and not lost,
            stands=stands,
            slots=tuple(_booked(line) for line in back),
            lost=lost,
            reply_to=command.reply_to,
        )
    ]


def _restored(ledger: Ledger, one: Requester, turn: Turn) -> tuple[list[Line], tuple[str, ...]]:
    """Return what was replaced and still fits, and the executions of what does not."""
    running = {line.execution for line in one.lines if line.state != State.SCHEDULED}
    past = micros(turn.at)
    old = [line for line in one.replaced if line.end > past and line.execution not in running]
    wanted = sorted(old, key=lambda line: line.start)
    pairs = list(zip(wanted, clashes(ledger.book, one.key, wanted, started(one, ())), strict=True))
    lost = tuple(line.execution for line, span in pairs if span is not None)
    return [line for line, span in pairs if span is None], lost


def release(ledger: Ledger, command: Release, turn: Turn) -> Sequence[Event]:
    """Free the executions named, or give up all plans up to one."""
    one = requester(ledger, turn.origin, command.workflow)
    if not ledger.is_open or one.latest == 0:
        return []
    held = one.pending.lines if one.pending else ()
    if command.executions is not None:
        has = {line.execution for line in (*one.lines, *held) if line.state not in ENDED}
        gone, generation = has & set(command.executions), 0
        if not gone:
            return []
    else:
        generation = command.generation or one.latest
        gone = {line.execution for line in one.lines if is_released(line, generation)}
        gone |= {line.execution for line in held if line.generation <= generation}
        if not gone and generation <= one.ended:
            return []
    return [
        Released(
            node=one.node,
            workflow=one.workflow,
            executions=tuple(sorted(gone)),
            generation=generation,
            reply_to=command.reply_to,
        )
    ]


def mark(ledger: Ledger, command: Mark, turn: Turn) -> Sequence[Event]:
    """Follow the execution; what ended stays as it ended, and an unknown one has left the book."""
    if command.state not in _MARKS:
        raise Rejected("invalid_state", f"mark it {', '.join(sorted(_MARKS))}", at="/state")
    if not ledger.is_open:
        return []
    one = requester(ledger, turn.origin, command.workflow)
    held = one.pending.lines if one.pending else ()
    booked = [line for line in one.lines if line.execution == command.execution]
    is_held = any(line.execution == command.execution for line in held)
    is_new = any(line.state not in ENDED and line.state != command.state for line in booked)
    if not is_new and not (is_held and command.state in ENDED):
        return []
    return [Marked(node=one.node, workflow=one.workflow, execution=command.execution, state=command.state)]


def _draft(slot: Slot, command: Hold, one: Requester) -> Line:
    return Line(
        booking=booking_id(one.key, command.generation, slot.execution),
        execution=slot.execution,
        generation=command.generation,
        start=micros(slot.start),
        end=micros(slot.end),
        units=slot.units,
        state=State.DRAFT,
    )


def _booked(line: Line) -> BookedSlot:
    return BookedSlot(
        booking=line.booking,
        execution=line.execution,
        start=instant(line.start),
        end=instant(line.end),
        units=line.units,
    )
