"""What is said of a schedule that is there: pause it, run a range of it now, tell its next instants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from actors.actor import Question, Rejected, Turn
from actors.workflow import access, schedule, starting
from actors.workflow.access import SCHEDULE
from actors.workflow.defined import paused
from actors.workflow.defining import State
from actors.workflow.overlap import WAITING_MAX
from actors.workflow.plans import begun
from actors.workflow.slots import named
from actors.workflow.starts import Event
from messages.envelope import derive
from messages.schedule import Schedule
from messages.starting import Backfill, Backfilled, Next, Pause, Paused, Resume, Resumed
from messages.workflow import Definition

BACKFILL_MAX = 500
"""How many instants of one range are run."""


def decide(state: State, command: Pause | Resume | Backfill, turn: Turn) -> list[Event]:
    """Pause, resume or backfill the schedule of a workflow."""
    if state.definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    if isinstance(command, Backfill):
        return _backfill(state, state.definition, command, turn)
    pause = state.plans.starts.pause
    is_paused = state.plans.starts.is_paused
    if isinstance(command, Resume):
        said = Resumed(at=turn.at, note=command.note, author=turn.sender)
        return [said] if is_paused else []
    plan_of(state.definition, turn)
    is_same = is_paused and pause is not None and pause.note == command.note
    return [] if is_same else [Paused(at=turn.at, note=command.note, author=turn.sender)]


def plan_of(definition: Definition, turn: Turn) -> Schedule:
    """Return the schedule of a workflow; raises Rejected when it has none."""
    if definition.schedule is None:
        raise Rejected("no_schedule", f"{turn.me.id} has no schedule; save it with one")
    return definition.schedule


def _backfill(state: State, definition: Definition, command: Backfill, turn: Turn) -> list[Event]:
    plan, starts = plan_of(definition, turn), state.plans.starts
    id = command.backfill or derive(f"{command.start} {command.end}", "backfill")[:16]
    if id in starts.backfills:
        return []
    _check(state, definition, command)
    access.check(turn.rights, turn.sender, turn.me.id, access.shown(definition.triggers).get(SCHEDULE, ()))
    came = takewhile(lambda instant: instant < command.end, schedule.times(plan, command.start))
    instants = list(islice(came, BACKFILL_MAX + 1))
    if not instants:
        raise Rejected("empty_range", "the schedule has no instant in it; see workflow.next", at="/from")
    if len(instants) > min(BACKFILL_MAX, WAITING_MAX - len(starts.waiting)):
        detail = f"it has more than {BACKFILL_MAX} instants, or too many wait already; ask for a part of it"
        raise Rejected("too_many", detail, at="/to")
    found = named(turn.me.id, schedule.slots(plan, instants), id)
    filled = Backfilled(
        backfill=id, slots=tuple(found), overlap=command.overlap, workflow_version=state.generation
    )
    return [filled, *starting.settle(begun(state.plans, filled), plan, starting.Due(turn.at))]


def _check(state: State, definition: Definition, command: Backfill) -> None:
    if not command.start < command.end:
        raise Rejected("empty_range", "to is not after from; set a later one", at="/to")
    if not definition.active:
        raise Rejected("inactive", "the workflow is not active; save it with active: true")
    if definition.definition is None:
        raise Rejected("no_definition", "it does not say what to run; save it with a definition")
    if state.demands:
        detail = (
            "its executions book compute, which is for a time to come; plan them with a schedule of their own"
        )
        raise Rejected("books_compute", detail)


def _next(state: State, asked: Next, turn: Turn) -> dict[str, Any]:
    if state.definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    plan = plan_of(state.definition, turn)
    found = islice(schedule.times(plan, asked.start or turn.at), asked.count)
    zone = ZoneInfo(plan.zone)
    return {
        "zone": plan.zone,
        "schedule_active": state.definition.active and state.definition.schedule_active,
        "paused": paused(state),
        "times": [{"at": at, "local": _local(at, zone)} for at in found],
    }


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}"


QUESTIONS: Mapping[str, Question[State]] = {"next": Question(query=Next, answer=_next)}
