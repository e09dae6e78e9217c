"""Which jobs run inside a booking: those of who has the slot, while it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from actors.actor import Order, Rejected, Turn
from actors.booking.ledger import BUSY, Guest, Ledger, Line, Requester
from messages.booking import Admit, Admitted, Cancelled, Closed, Event, Marked, Released
from messages.envelope import Address, derive, instant, micros, rfc3339
from messages.job_run import Denied, SlotEnded, Take
from messages.states import ENDED

GUESTS_MAX = 1_000
"""How many jobs of one node a book knows that may be running."""
KIND = "job_run"


def admit(ledger: Ledger, command: Admit, turn: Turn) -> Sequence[Event]:
    """Let a job in whose booking it is now; raises Rejected."""
    if not ledger.is_open:
        raise Rejected("unknown_compute", f"there is no compute {turn.me.id}")
    if any((one.node, one.run) == (turn.origin, command.run) for one in ledger.guests):
        return []
    if sum(one.node == turn.origin for one in ledger.guests) >= GUESTS_MAX:
        raise Rejected("too_many", f"{GUESTS_MAX} jobs of {turn.origin} may be running here already")
    workflow, line = _slot(ledger, command, turn)
    admitted = Admitted(
        node=turn.origin,
        workflow=workflow,
        run=command.run,
        execution=line.execution,
        booking=line.booking,
        until=instant(line.end),
        at=turn.at,
        work=command.work,
    )
    return [admitted]


def _slot(ledger: Ledger, command: Admit, turn: Turn) -> tuple[str, Line]:
    """Return the slot that a job is in; raises Rejected with what is in the way."""
    now = micros(turn.at)
    booked = list(_booked(ledger, command.execution))
    own = [(one, line) for one, line in booked if one.node == turn.origin]
    if command.execution and booked and not own:
        raise Rejected("not_owner", f"the booking of {command.execution} is another's", at="/execution")
    for one, line in own:
        if line.start <= now < line.end and line.state in BUSY:
            return one.workflow, line
    if own:
        _, line = min(own, key=lambda pair: (pair[1].end <= now, abs(pair[1].start - now)))
        detail = f"the slot is from {rfc3339(line.start)} to {rfc3339(line.end)}, it is {rfc3339(now)}"
        if line.state not in BUSY:
            detail = f"the booking of {line.execution} is {line.state.value}"
        raise Rejected("outside_slot", detail, at="/execution")
    raise Rejected("no_booking", f"{turn.origin} has no confirmed booking of {turn.me.id}", at="/execution")


def _booked(ledger: Ledger, execution: str) -> Iterator[tuple[Requester, Line]]:
    for one in ledger.requesters.values():
        for line in one.lines:
            if execution in ("", line.execution):
                yield one, line


def note(ledger: Ledger, event: Admitted) -> Ledger:
    """Remember whom to end with the slot; whose slot is over has been ended."""
    now = micros(event.at)
    kept = tuple(one for one in ledger.guests if one.until > now)
    guest = Guest(event.node, event.workflow, event.execution, event.run, micros(event.until))
    return replace(ledger, guests=(*kept, guest))


def _place(node: str, run: str) -> Address:
    return Address(KIND, derive(f"{node}/{run}", KIND))


def denied(command: Admit, no: Rejected, turn: Turn) -> list[Order]:
    """Tell who asked why its job is not let in."""
    to = Address(KIND, command.run, turn.peer)
    return [Order(to, Denied(code=no.code, detail=no.detail))]


def react(ledger: Ledger, event: Event, turn: Turn) -> list[Order]:
    """Have a job run that was let in, and end those of a slot that is over before its time."""
    match event:
        case Admitted():
            return [_take(event, turn)]
        case Released() | Marked() | Cancelled() | Closed():
            return _end(ledger, event, turn)
        case _:
            return []


def _take(event: Admitted, turn: Turn) -> Order:
    command = Take(
        node=event.node,
        run=event.run,
        work=event.work,
        compute=turn.me.id,
        execution=event.execution,
        booking=event.booking,
        until=event.until,
    )
    return Order(_place(event.node, event.run), command)


def _end(ledger: Ledger, event: Released | Marked | Cancelled | Closed, turn: Turn) -> list[Order]:
    now = micros(turn.at)
    reason = event.reason if isinstance(event, Cancelled | Closed) else "the booking has ended"
    return [
        Order(_place(one.node, one.run), SlotEnded(reason=reason))
        for one in ledger.guests
        if one.until > now and _concerns(event, one)
    ]


def _concerns(event: Released | Marked | Cancelled | Closed, one: Guest) -> bool:
    if isinstance(event, Closed):
        return True
    if (event.node, event.workflow) != (one.node, one.workflow):
        return False
    if isinstance(event, Released):
        return one.execution in event.executions
    return one.execution == event.execution and (isinstance(event, Cancelled) or event.state in ENDED)
