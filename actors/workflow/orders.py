"""What a plan orders: slots of the owners of compute, and executions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

import msgspec

from actors.actor import Order, Turn
from actors.execution.graph import booking_of, short
from actors.workflow.plans import Event, Pending, Plans
from messages import booking
from messages.base import Command
from messages.booking import Abort, Confirm, Hold, Release
from messages.envelope import Address
from messages.execution import Booked, Fire, Plan, Remove, Schedule, SlotCancelled
from messages.workflow_events import (
    Agreed,
    Deferred,
    ExecutionNoted,
    HeldAgain,
    OwnerConfirmed,
    OwnerHeld,
    Planned,
    Refused,
    Scheduled,
    Slot,
    SlotsLost,
    Unplanned,
)


def react(plans: Plans, event: Event, turn: Turn) -> list[Order]:
    """Return what an event of the plan causes, given the plans after all events of the command."""
    match event:
        case Planned():
            return _ask(plans, event, turn)
        case OwnerHeld():
            is_again = plans.pending is not None and event.resource in plans.pending.asked_again
            return _confirm(plans.pending, [event.resource], turn) if is_again else []
        case Agreed():
            return _confirm(plans.pending, plans.pending.plan.demands if plans.pending else (), turn)
        case HeldAgain():
            return _hold_again(plans.pending, event, turn)
        case Scheduled() | Unplanned():
            return [*_schedule(plans, event, turn), *_clear(event, turn)]
        case Refused():
            aborts = [_abort(resource, event.generation, turn) for resource in event.aborted]
            return [*aborts, *_remove(event.removed, event.generation)]
        case SlotsLost():
            return _lost(event, turn)
        case Deferred() | OwnerConfirmed() | ExecutionNoted():
            return []
    assert_never(event)


def _ask(plans: Plans, event: Planned, turn: Turn) -> list[Order]:
    holds = [
        _hold(event, resource, event.slots, event.hold_until, turn) for resource in sorted(event.demands)
    ]
    aborts = [_abort(resource, event.overtaken, turn) for resource in event.aborted]
    removes = _remove(event.removed, event.generation)
    if not event.demands:  # it is scheduled at once
        return [*aborts, *removes]
    drafts = [slot for slot in event.slots if slot.execution not in plans.standing_ids]
    plan = [Order(execution(slot), planned(Plan, event, slot, turn)) for slot in drafts]
    return [*holds, *plan, *aborts, *removes]


def _hold(plan: Planned, resource: str, slots: Iterable[Slot], until: datetime, turn: Turn) -> Order:
    command = Hold(
        workflow=turn.me.id,
        generation=plan.generation,
        slots=tuple(
            booking.Slot(
                execution=slot.execution, start=slot.start, end=slot.end, units=plan.demands[resource]
            )
            for slot in slots
        ),
        until=until,
        on_conflict=plan.on_conflict,
        reply_to=_me(turn),
    )
    return Order(booking_of(resource, turn.node), command)


def _hold_again(pending: Pending | None, event: HeldAgain, turn: Turn) -> list[Order]:
    if pending is None:
        return []
    # the others have confirmed what is kept: leaving out more is no answer now
    plan = msgspec.structs.replace(pending.plan, on_conflict="refuse")
    kept = [slot for slot in plan.slots if slot.execution not in pending.dropped]
    return [_hold(plan, event.resource, kept, event.until, turn)]


def _confirm(pending: Pending | None, resources: Iterable[str], turn: Turn) -> list[Order]:
    if pending is None:
        return []
    command = Confirm(
        workflow=turn.me.id,
        generation=pending.plan.generation,
        drop=tuple(sorted(pending.dropped)),
        reply_to=_me(turn),
    )
    return [Order(booking_of(resource, turn.node), command) for resource in sorted(resources)]


def _abort(resource: str, generation: int, turn: Turn) -> Order:
    command = Abort(workflow=turn.me.id, generation=generation, reply_to=_me(turn))
    return Order(booking_of(resource, turn.node), command)


def _schedule(plans: Plans, event: Scheduled | Unplanned, turn: Turn) -> list[Order]:
    standing = plans.standing
    if standing is None or standing.plan.generation != event.generation:
        return []
    return [Order(execution(slot), planned(Schedule, standing.plan, slot, turn)) for slot in standing.slots]


def _clear(event: Scheduled | Unplanned, turn: Turn) -> list[Order]:
    release = Release(workflow=turn.me.id, generation=event.generation, reply_to=_me(turn))
    releases = [Order(booking_of(resource, turn.node), release) for resource in event.released]
    return [*releases, *_remove(event.removed, event.generation)]


def _remove(executions: Iterable[str], generation: int) -> list[Order]:
    return [Order(Address("execution", id), Remove(generation=generation)) for id in executions]


def _lost(event: SlotsLost, turn: Turn) -> list[Order]:
    resource = short(event.resource, turn.node)
    command = SlotCancelled(resource=resource, generation=event.generation, reason=event.reason)
    return [Order(Address("execution", id), command) for id in event.executions]


def execution(slot: Slot) -> Address:
    """Return where the execution of a slot is."""
    return Address("execution", slot.execution)


def planned(
    command: type[Plan] | type[Schedule] | type[Fire], plan: Planned, slot: Slot, turn: Turn
) -> Command:
    """Return what tells an execution when and on what it is."""
    return command(
        workflow=turn.me.id,
        workflow_version=plan.workflow_version,
        generation=plan.generation,
        start=slot.start,
        end=slot.end,
        grace_seconds=plan.grace_seconds,
        bookings=tuple(
            Booked(resource=short(resource, turn.node), owner=resource.partition("/")[0], units=units)
            for resource, units in sorted(plan.demands.items())
        ),
        on_cancelled=plan.on_cancelled,
        starts_itself=plan.starts_itself,
    )


def _me(turn: Turn) -> Address:
    return Address(turn.me.kind, turn.me.id, turn.node)
