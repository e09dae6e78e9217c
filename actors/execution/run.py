"""What an execution is: its plan, how it goes, and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.actor import Summary
from actors.fields import take
from messages import states
from messages.execution import (
    Booked,
    Cancelled,
    Delayed,
    Drafted,
    Event,
    Failed,
    Forgotten,
    Kept,
    Planned,
    Removed,
    Scheduled,
    SlotLost,
    Started,
    Succeeded,
)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without a plan it was never planned, or was removed."""

    plan: Planned | None = None
    state: states.State = states.State.DRAFT
    """Without a plan nothing is in the way of one, as in a draft."""
    generation: int = 0
    """The latest plan that was heard of, whether the execution is in it or not."""
    confirmed: int = 0
    """The latest plan of which the owners have confirmed slots for it."""
    bookings: tuple[Booked, ...] = ()
    lost: dict[str, int] = msgspec.field(default_factory=dict)
    """The slots that owners took back: of which resource, and in which plan."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    result: dict[str, Any] = msgspec.field(default_factory=dict)
    reason: str = ""


def evolve(state: State, event: Event) -> State:
    """Follow the plan until the start, and the run from there."""
    match event:
        case Drafted() | Scheduled():
            return _planned(state, event)
        case Kept():
            have = {one.resource for one in state.bookings}
            more = tuple(one for one in event.bookings if one.resource not in have)
            kept = replace(state, generation=event.generation, confirmed=event.generation)
            return _told(replace(kept, bookings=state.bookings + more))
        case SlotLost():
            lost = {**state.lost, event.resource: event.generation}
            return _told(replace(state, lost=lost, reason=event.reason))
        case Removed():
            return State(generation=event.generation, lost=_later(state.lost, event.generation))
        case Started():
            return _told(replace(state, state=states.State.STARTED, started_at=event.at))
        case Delayed():
            return _told(replace(state, state=states.State.DELAYED, reason=event.reason))
        case Succeeded() | Failed() | Cancelled() | Forgotten():
            return _told(_ended(state, event))
    assert_never(event)


def _planned(state: State, event: Drafted | Scheduled) -> State:
    return _told(
        State(
            plan=take(Planned, event),
            state=states.State.DRAFT if isinstance(event, Drafted) else states.State.SCHEDULED,
            generation=event.generation,
            confirmed=0 if isinstance(event, Drafted) else event.generation,
            bookings=event.bookings,
            lost=_later(state.lost, event.generation - 1),
        )
    )


def _later(lost: Mapping[str, int], generation: int) -> dict[str, int]:
    return {resource: of for resource, of in lost.items() if of > generation}


def _ended(state: State, event: Succeeded | Failed | Cancelled | Forgotten) -> State:
    match event:
        case Succeeded():
            return replace(state, state=states.State.SUCCESS, ended_at=event.at, result=event.result)
        case Failed():
            failed = replace(state, state=states.State.FAILURE, ended_at=event.at, reason=event.reason)
            return replace(failed, result=event.result)
        case Cancelled():
            return replace(state, state=states.State.CANCELLED, ended_at=event.at, reason=event.reason)
        case Forgotten():
            forgotten = replace(state, state=states.State.FORGOTTEN, ended_at=event.at)
            return replace(forgotten, reason=event.reason or state.reason)
    assert_never(event)


def _told(state: State) -> State:
    """Give each booking the state of the execution, but for those that are lost."""
    bookings = tuple(
        replace(one, state=states.State.CANCELLED if is_lost(state, one) else _booked(state.state))
        for one in state.bookings
    )
    return replace(state, bookings=bookings)


def is_lost(state: State, booked: Booked) -> bool:
    """Say whether the owner took this slot of the present plan back."""
    return state.lost.get(booked.resource) == state.generation


def _booked(state: states.State) -> states.State:
    # the other slots of an execution that lacks one are as they were
    return states.State.SCHEDULED if state == states.State.DELAYED else state


def alarms(state: State) -> Mapping[str, datetime]:
    """Want to be forgotten when the time to start has passed; the workflow sees to what starts by itself."""
    latest = None if state.plan is None else _latest(state.plan, state.state)
    return {} if latest is None else {"forget": latest}


def _latest(plan: Planned, state: states.State) -> datetime | None:
    grace = timedelta(seconds=plan.grace_seconds)
    match state:
        case states.State.SCHEDULED:
            return None if plan.starts_itself else plan.start + grace
        case states.State.DELAYED:
            return plan.end + grace
        case _:
            return None


def summary(state: State) -> Summary | None:
    """Show when and in which state it is."""
    if state.plan is None:
        return None
    fields = {"end": state.plan.end, "generation": state.generation}
    return Summary(status=state.state.value, parent=state.plan.workflow, at=state.plan.start, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the plan, the slots and how it went."""
    if state.plan is None:
        return None
    shown = {
        "workflow": state.plan.workflow,
        "workflow_version": state.plan.workflow_version,
        "generation": state.generation,
        "start": state.plan.start,
        "end": state.plan.end,
        "state": state.state,
        "code": state.state.code,
        "bookings": [
            {"resource": one.resource, "owner": one.owner, "state": one.state} for one in state.bookings
        ],
    }
    later = {"started_at": state.started_at, "ended_at": state.ended_at, "result": state.result}
    return {**shown, **later, "reason": state.reason}
