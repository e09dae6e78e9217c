"""What the start of executions orders: their runs, and the end of those that are in the way."""

from __future__ import annotations

from typing import assert_never

from actors.actor import Order, Turn
from actors.workflow.orders import execution, planned
from actors.workflow.plans import Plans
from actors.workflow.starts import Event
from messages.base import Command
from messages.envelope import Address
from messages.execution import Fire, Schedule, Skip
from messages.run import Cancel, Terminate
from messages.starting import Backfilled, Fired, Paused, Resumed, Slot

DISPLACED = "another execution of the workflow takes its place"


def react(plans: Plans, event: Event, turn: Turn) -> list[Order]:
    """Return what is to be done with executions, given the plans after all events of the command."""
    match event:
        case Fired():
            return _fire(plans, event, turn)
        case Backfilled():
            return _backfill(plans, event, turn)
        case Paused() | Resumed():
            return []
    assert_never(event)


def _fire(plans: Plans, event: Fired, turn: Turn) -> list[Order]:
    stop = Cancel if event.how == "cancel" else Terminate
    stops = [Order(Address("run", id), stop(reason=DISPLACED)) for id in event.stopped]
    skips = [
        Order(Address("execution", one.execution), Skip(reason=one.reason, is_missed=one.is_missed))
        for one in event.skipped
    ]
    fires = [
        Order(execution(one.slot), planned(Fire, plans.standing.plan, one.slot, turn))
        if one.overlap is None and plans.standing is not None
        else Order(execution(one.slot), _backfilled(Fire, plans, one.slot, turn))
        for one in event.started
    ]
    return [*stops, *skips, *fires]


def _backfill(plans: Plans, event: Backfilled, turn: Turn) -> list[Order]:
    return [Order(execution(slot), _backfilled(Schedule, plans, slot, turn)) for slot in event.slots]


def _backfilled(command: type[Schedule] | type[Fire], plans: Plans, slot: Slot, turn: Turn) -> Command:
    return command(
        workflow=turn.me.id,
        workflow_version=0,
        generation=max(plans.generation, 1),
        start=slot.start,
        end=slot.end,
        starts_itself=True,
        trigger="backfill",
    )
