"""A trigger that is a time becomes the schedule of its workflow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

import msgspec
from msgspec.structs import replace

from actors.actor import Rejected
from actors.fields import take
from actors.workflow import schedule
from messages.schedule import Schedule
from messages.triggers import DateTrigger, TimeTrigger
from messages.workflow import Definition


def trigger_of(definition: Definition | None) -> TimeTrigger | None:
    """Return the trigger that makes the schedule of a workflow."""
    found = _times(definition) if definition is not None else []
    return found[0][1] if found else None


def derived(asked: Definition, before: Definition | None, at: datetime) -> Definition:
    """Return what is to be saved, with the schedule of its trigger; raises Rejected when there are two.

    Whatever ``schedule`` says beside it: that is what an earlier trigger made, before this one.
    """
    found = _times(asked)
    if not found:
        return asked
    if len(found) > 1:
        number, first = found[1][0], found[0][1]
        detail = f"{first.id} is the schedule already; write both as lines of one rrule, or leave one out"
        raise Rejected("invalid_trigger", detail, at=f"/triggers/{number}")
    number, trigger = found[0]
    was = trigger_of(before)
    is_same = was is not None and replace(was, access=trigger.access) == trigger
    made = _schedule(trigger, before.schedule if before and is_same else None, at)
    _check(made, f"/triggers/{number}")
    return replace(asked, schedule=made, schedule_active=True)


def note(asked: Definition, made: Definition) -> str:
    """Say that a schedule which was asked for is not the one that there is."""
    trigger = trigger_of(made)
    if trigger is None or asked.schedule in (None, made.schedule):
        return ""
    return f"the trigger {trigger.id} is the schedule; what schedule said beside it was left out"


def rolled_back(present: Definition, target: Definition, at: datetime) -> Definition:
    """Return what an earlier version becomes: a schedule that a trigger made goes or comes with it."""
    if trigger_of(present) is not None or trigger_of(target) is not None:
        target = replace(target, schedule=None, schedule_active=False)
    return derived(target, present, at)


def _times(definition: Definition) -> list[tuple[int, TimeTrigger]]:
    kinds = get_args(TimeTrigger)
    return [(number, one) for number, one in enumerate(definition.triggers) if isinstance(one, kinds)]


def _schedule(trigger: TimeTrigger, before: Schedule | None, at: datetime) -> Schedule:
    if isinstance(trigger, DateTrigger):
        return take(Schedule, trigger)
    first = before.start if before else _next_second(at)
    return take(Schedule, trigger, start=trigger.start or first)


def _next_second(at: datetime) -> str:
    up = at.replace(microsecond=0) + timedelta(seconds=1)
    return str(msgspec.to_builtins(up))


def _check(made: Schedule, at: str) -> None:
    try:
        schedule.check(made)
    except Rejected as no:
        raise Rejected(no.code, no.detail, at=at + no.at.removeprefix("/schedule")) from no
