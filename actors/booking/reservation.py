"""A reservation: one task of a run books time on a compute, as a plan of a workflow does: hold, confirm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never, get_args

from msgspec.structs import replace

from actors.actor import Actor, ById, Need, Rejected, Summary, Turn
from actors.booking.ledger import booking_id, key
from actors.booking.reserving import (
    BOOKED,
    CANCELLED,
    CONFIRMING,
    GENERATION,
    HOLDING,
    KIND,
    LOST,
    REFUSED,
    State,
    answer,
    passes,
    react,
    text,
)
from actors.booking.reserving import shown as reserved
from actors.fields import take
from actors.jobs.job_effects import check_partner, owner_of
from actors.rights import behalf
from messages import reservation as said
from messages.job_run import Place


def needs(command: said.Command, turn: Turn) -> Sequence[Need]:
    """Know the partner that has the compute."""
    owner = owner_of(Place(compute=command.resource), turn.node) if isinstance(command, said.Begin) else ""
    return [ById("peer", owner)] if owner else []


def decide(state: State, command: said.Command, turn: Turn) -> Sequence[said.Event]:
    """Go from holding to confirming to booked; what is over stays as it is."""
    match command:
        case said.Begin():
            return _begin(state, command, turn)
        case said.Cancel():
            return _cancel(state, command, turn)
        case _:
            _check_owner(state, command, turn)
            return _answered(state, command, turn)


def _begin(state: State, command: said.Begin, turn: Turn) -> Sequence[said.Event]:
    begun = take(said.Begun, command, at=turn.at)
    if state.begun is not None:
        if replace(begun, at=state.begun.at) == state.begun:
            return []
        raise Rejected("already_exists", "there is such a reservation; take another id")
    if state.status:
        raise Rejected("cancelled", "it was given up before it began")
    behalf.check(command.behalf, behalf.Act("booking", command.resource), turn)
    check_partner(Place(compute=command.resource), turn)
    return [begun]


def _cancel(state: State, command: said.Cancel, turn: Turn) -> Sequence[said.Event]:
    if not state.status and not turn.is_internal:
        raise Rejected("not_found", f"there is no reservation {turn.me.id}")
    if state.status in (REFUSED, CANCELLED, LOST):
        return []
    is_booked = state.status == BOOKED
    return [said.Cancelled(at=turn.at, reason=command.reason, was_booked=is_booked)]


def _check_owner(state: State, command: said.Answer, turn: Turn) -> None:
    if state.begun is None:
        raise Rejected("not_found", f"there is no reservation {turn.me.id}")
    resource = state.begun.resource
    if command.resource != resource or turn.origin != resource.partition("/")[0]:
        raise Rejected("not_owner", f"only the owner of {resource} says how it goes")


def _answered(state: State, command: said.Answer, turn: Turn) -> Sequence[said.Event]:
    """Take what the owner says where it is waited for."""
    match state.status, command:
        case "holding", said.Held():
            return [said.Kept()]
        case "holding", said.HoldRefused():
            return [said.Refused(at=turn.at, code=command.code, detail=_why(command))]
        case "confirming", said.Confirmed():
            id = booking_id(key(turn.node, turn.me.id), GENERATION, turn.me.id)
            return [said.Booked(at=turn.at, booking=id)]
        case "confirming", said.Expired():
            return [said.Refused(at=turn.at, code="expired", detail="it was held, and not confirmed in time")]
        case (("holding" | "confirming"), said.SlotsCancelled()):
            return [said.Refused(at=turn.at, code="cancelled", detail=command.reason)]
        case "booked", said.SlotsCancelled():
            return [said.Lost(at=turn.at, reason=command.reason)]
    return []


def _why(no: said.HoldRefused) -> str:
    """Tell what is in the way, and when it could be had instead."""
    if not no.conflicts:
        return no.detail
    busy = no.conflicts[0]
    free = " or ".join(f"from {text(one.start)} to {text(one.end)}" for one in no.nearest)
    taken = f"it is taken from {text(busy.busy_start)} to {text(busy.busy_end)}"
    return f"{taken}; free {free}" if free else f"{taken}, and not free near that"


def evolve(state: State, event: said.Event) -> State:
    """Hold how far it is."""
    match event:
        case said.Begun():
            return State(status=HOLDING, begun=event)
        case said.Kept():
            return replace(state, status=CONFIRMING)
        case said.Booked():
            return replace(state, status=BOOKED, booking=event.booking)
        case said.Refused():
            reason = f"{event.code}: {event.detail}" if event.detail else event.code
            return replace(state, status=REFUSED, reason=reason)
        case said.Cancelled():
            return replace(state, status=CANCELLED, reason=event.reason)
        case said.Lost():
            return replace(state, status=LOST, reason=event.reason)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Stand under its run, by its start."""
    if state.begun is None:
        return None
    shown = reserved(state)
    del shown["owner"]  # of the compute, not of this
    return Summary(
        status=state.status,
        parent=state.begun.reply_to.id,
        at=state.begun.start,
        fields=shown,
    )


def view(state: State) -> dict[str, Any] | None:
    """Show what is booked for which run, and why it is not."""
    if state.begun is None:
        return None
    return {
        "run": state.begun.reply_to.id,
        "status": state.status,
        **reserved(state),
        "reason": state.reason,
    }


_ANSWERS = ("held", "hold_refused", "confirmed", "expired", "aborted", "slots_cancelled")

ACTOR: Actor[State, Any, Any] = Actor(
    kind=KIND,
    commands=(said.Cancel, said.Begin, *get_args(said.Answer)),
    events=get_args(said.Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    answer=answer,
    needs=needs,
    passes=passes,
    summary=summary,
    filters=frozenset({"resource", "booking", "start", "end", "units"}),
    view=view,
    belongs_to="run",
    internal=frozenset({"begin", *_ANSWERS}),
    peers_may=frozenset(_ANSWERS),
)
