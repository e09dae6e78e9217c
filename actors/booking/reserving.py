"""What a reservation asks of the owner of a compute, and tells the run that waits for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec

from actors.actor import Effect, Order, Rejected, Turn
from actors.execution.graph import booking_of
from actors.flow.errors import fault
from messages import booking, run
from messages import reservation as said
from messages.envelope import Address, micros, rfc3339

KIND = "reservation"
GENERATION = 1
"""It has one plan; the next try of a task is another reservation."""
HOLDING, CONFIRMING, BOOKED = "holding", "confirming", "booked"
REFUSED, CANCELLED, LOST = "refused", "cancelled", "lost"
PROBLEM = "booking_refused"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted and how far it is; without a status it was never begun."""

    status: str = ""
    begun: said.Begun | None = None
    booking: str = ""
    reason: str = ""


def text(at: datetime) -> str:
    """Return an instant as people and programs read it."""
    return rfc3339(micros(at))


def react(state: State, event: said.Event, turn: Turn) -> Sequence[Effect]:
    """Ask the owner for the next step, and tell the run the end."""
    begun = state.begun
    if begun is None:
        return []
    match event:
        case said.Begun():
            return [_to_owner(begun, _hold(begun, turn), turn)]
        case said.Kept():
            confirm = booking.Confirm(workflow=turn.me.id, generation=GENERATION, reply_to=_me(turn))
            return [_to_owner(begun, confirm, turn)]
        case said.Booked():
            return [_answer(begun, _output(state, turn))]
        case said.Refused():
            return [_refused(begun, f"{begun.resource}: {state.reason}")]
        case said.Cancelled():
            return _give_up(begun, event, turn)
        case said.Lost():
            return []
    assert_never(event)


def _hold(begun: said.Begun, turn: Turn) -> booking.Hold:
    slot = booking.Slot(execution=turn.me.id, start=begun.start, end=begun.end, units=begun.units)
    return booking.Hold(
        workflow=turn.me.id, generation=GENERATION, slots=(slot,), until=begun.until, reply_to=_me(turn)
    )


def _give_up(begun: said.Begun, event: said.Cancelled, turn: Turn) -> list[Effect]:
    if not event.was_booked:
        told = f"{begun.resource}: it was given up{': ' if event.reason else ''}{event.reason}"
        return [_to_owner(begun, _abort(turn), turn), _refused(begun, told)]
    release = booking.Release(workflow=turn.me.id, executions=(turn.me.id,), reply_to=_me(turn))
    return [_to_owner(begun, release, turn)]


def _abort(turn: Turn) -> booking.Abort:
    return booking.Abort(workflow=turn.me.id, generation=GENERATION, reply_to=_me(turn))


def passes(state: State, command: said.Command, turn: Turn) -> Sequence[Effect]:
    """Let go what the owner holds or has booked for one that is given up: the words crossed."""
    is_given_up = state.begun is not None and state.status in (CANCELLED, REFUSED)
    if not is_given_up or not isinstance(command, said.Held | said.Confirmed):
        return []
    assert state.begun is not None
    return [_to_owner(state.begun, _abort(turn), turn)]


def answer(command: Any, no: Rejected, turn: Turn) -> Sequence[Effect]:
    """Tell the run that waits that nothing is asked for."""
    if not isinstance(command, said.Begin) or not turn.is_internal:
        return []
    if no.code == "not_granted":
        return [_faulted(command, fault("authorization", "", f"{command.resource}: {no.detail}").problem)]
    return [_refused(command, f"{command.resource}: {no.code}: {no.detail}")]


def _to_owner(begun: said.Begun, command: booking.Command, turn: Turn) -> Order:
    return Order(booking_of(begun.resource, turn.node), command)


def _me(turn: Turn) -> Address:
    return Address(KIND, turn.me.id, turn.node)


def _answer(begun: said.Begun, output: Mapping[str, Any]) -> Order:
    frame, _, call = begun.reply_mark.partition(".")
    return Order(begun.reply_to, run.Answered(frame=int(frame), call=int(call), output=output))


def _refused(begun: said.Begun | said.Begin, detail: str) -> Order:
    problem = run.Problem(type=PROBLEM, status=409, title="The time could not be booked", detail=detail)
    return _faulted(begun, problem)


def _faulted(begun: said.Begun | said.Begin, problem: run.Problem) -> Order:
    frame, _, call = begun.reply_mark.partition(".")
    return Order(begun.reply_to, run.Faulted(frame=int(frame), call=int(call), problem=problem))


def _output(state: State, turn: Turn) -> dict[str, Any]:
    return {"reservation": turn.me.id, **shown(state)}


def shown(state: State) -> dict[str, Any]:
    """Return what is booked, or is to be."""
    begun = state.begun
    if begun is None:
        return {}
    return {
        "resource": begun.resource,
        "owner": begun.resource.partition("/")[0],
        "booking": state.booking,
        "start": text(begun.start),
        "end": text(begun.end),
        "units": begun.units,
    }
