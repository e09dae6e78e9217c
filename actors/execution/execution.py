"""An execution: one run of a workflow at one time, from draft to its end."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, assert_never

import msgspec

from actors.actor import Actor, ById, Effect, Order, Rejected, Task, Turn
from actors.execution.graph import booking_of
from actors.execution.run import State, alarms, evolve, summary, view
from actors.fields import take
from actors.workflow import access
from actors.workflow.access import ACCESS, SCHEDULE
from messages import states
from messages.base import Alarm
from messages.booking import Mark
from messages.envelope import Address
from messages.execution import (
    Booked,
    Cancel,
    Cancelled,
    Command,
    Delayed,
    Drafted,
    Event,
    Fail,
    Failed,
    Fire,
    Forgotten,
    Kept,
    Plan,
    Planned,
    Remove,
    Removed,
    Run,
    Schedule,
    Scheduled,
    Skip,
    SlotCancelled,
    SlotLost,
    Start,
    Started,
    Succeed,
    Succeeded,
)
from messages.run import Cancel as CancelRun
from messages.states import ENDED, WAITING
from messages.workflow import ExecutionChanged, Launch

QUEUE = "execution"
"""Where those who run executions take their work."""


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Let the workflow plan it until it starts, and its runner say how it goes."""
    match command:
        case Start() | Succeed() | Fail() | Cancel():
            return _run(state, command, turn)
        case Plan():
            is_news = command.generation > state.generation and state.state in WAITING
            return [take(Drafted, command)] if is_news else []
        case Schedule():
            return _schedule(state, command, turn)
        case Remove():
            is_news = command.generation > state.generation or state.plan is not None
            is_heard = command.generation >= state.generation and state.state in WAITING
            return [Removed(generation=command.generation)] if is_news and is_heard else []
        case SlotCancelled():
            return _lose(state, command, turn)
        case Fire():
            return _fire(state, command, turn)
        case Skip():
            return _skip(state, command, turn)
        case Alarm():
            return _ring(state, command, turn)
    assert_never(command)


def _ring(state: State, command: Alarm, turn: Turn) -> Sequence[Event]:
    if state.plan is None or alarms(state).get(command.name) != command.due:
        return []
    return [Forgotten(at=turn.at)]


def _fire(state: State, command: Fire, turn: Turn) -> Sequence[Event]:
    if state.state not in WAITING or command.generation < state.generation:
        return []
    is_news = state.plan is None or state.state == states.State.DRAFT
    return [*([take(Scheduled, command)] if is_news else []), Started(at=turn.at)]


def _skip(state: State, command: Skip, turn: Turn) -> Sequence[Event]:
    if state.plan is None or state.state not in WAITING:
        return []
    if command.is_missed:
        return [Forgotten(at=turn.at, reason=command.reason)]
    return [Cancelled(at=turn.at, reason=command.reason)]


def passes(state: State, command: Any, turn: Turn) -> Sequence[Effect]:
    """Tell the workflow what has become of one that it wants to start: it waits for that."""
    if not isinstance(command, Fire):
        return []
    now = states.State.CANCELLED if state.plan is None else state.state
    changed = ExecutionChanged(execution=turn.me.id, state=now, start=command.start)
    return [Order(Address("workflow", command.workflow), changed)]


def _run(state: State, command: Start | Succeed | Fail | Cancel, turn: Turn) -> Sequence[Event]:
    if state.plan is None:
        raise Rejected("not_found", f"there is no execution {turn.me.id}")
    match command:
        case Start():
            return _start(state, turn)
        case Succeed():
            done, event = states.State.SUCCESS, Succeeded(at=turn.at, result=command.result)
            return _end(state, {states.State.STARTED}, done, event)
        case Fail():
            failed = Failed(at=turn.at, reason=command.reason, result=command.result)
            return _end(state, {states.State.STARTED}, states.State.FAILURE, failed)
        case Cancel():
            cancelled = Cancelled(at=turn.at, reason=command.reason)
            return _end(state, WAITING | {states.State.STARTED}, states.State.CANCELLED, cancelled)
    assert_never(command)


def _start(state: State, turn: Turn) -> Sequence[Event]:
    if state.state == states.State.STARTED:
        return []
    if state.state == states.State.DRAFT:
        raise Rejected("not_scheduled", "the owners of its compute have not all confirmed; wait for that")
    if state.state in ENDED:
        raise _conflict(state, "start")
    _check_access(state, turn)
    return [Started(at=turn.at)]


def points_at(state: State, command: Any) -> Sequence[ById]:
    """Know whom its workflow lets start it before its time."""
    plan = state.plan if isinstance(command, Start) else None
    return [] if plan is None else [ById("workflow", plan.workflow)]


def _check_access(state: State, turn: Turn) -> None:
    assert state.plan is not None
    workflow = turn.known.get(ById("workflow", state.plan.workflow))
    fields = {} if workflow is None else workflow.summary.fields
    access.check(turn.rights, turn.sender, state.plan.workflow, fields.get(ACCESS, {}).get(SCHEDULE, ()))


def _end(
    state: State, before: Set[states.State], after: states.State, event: Succeeded | Failed | Cancelled
) -> Sequence[Event]:
    if state.state == after:
        return []
    if state.state not in before:
        raise _conflict(state, after.value)
    return [event]


def _conflict(state: State, wanted: str) -> Rejected:
    detail = f"it is {state.state.value}, so it cannot be {wanted}"
    return Rejected("state_conflict", detail, extra={"state": state.state.value})


def _schedule(state: State, command: Schedule, turn: Turn) -> Sequence[Event]:
    is_later = command.generation > state.generation
    if state.state not in WAITING:
        is_news = command.generation > state.confirmed
        return [Kept(generation=command.generation, bookings=command.bookings)] if is_news else []
    is_drafted = state.plan is not None and state.state == states.State.DRAFT
    if not is_later and not (is_drafted and command.generation == state.generation):
        return []
    lost = [one.resource for one in command.bookings if state.lost.get(one.resource) == command.generation]
    return [take(Scheduled, command), *(_suffer(command, lost[0], turn) if lost else ())]


def _lose(state: State, command: SlotCancelled, turn: Turn) -> Sequence[Event]:
    heard = max(state.generation - 1, state.lost.get(command.resource, 0))
    is_gone = state.plan is None and command.generation == state.generation
    if command.generation <= heard or is_gone or state.state in ENDED:
        return []
    lost = SlotLost(resource=command.resource, generation=command.generation, reason=command.reason)
    is_confirmed = command.generation == state.generation and state.state != states.State.DRAFT
    if state.plan is None or not is_confirmed:
        return [lost]  # said before what confirms the slot, which will find it lost
    if state.plan.on_cancelled == "delay" and state.state != states.State.SCHEDULED:
        return [lost]
    return [lost, *_suffer(state.plan, command.resource, turn, command.reason)]


def _suffer(plan: Planned, resource: str, turn: Turn, why: str = "") -> Sequence[Event]:
    reason = f"the owner of {resource} took the slot back" + (f": {why}" if why else "")
    return [Delayed(reason=reason)] if plan.on_cancelled == "delay" else [Failed(at=turn.at, reason=reason)]


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Have it run, and tell the owners of its slots and the workflow how it goes."""
    match event:
        case Started():
            return [_begin(state, turn), *_mark(state, turn, state.bookings), *_tell(state, turn)]
        case Succeeded() | Failed() | Cancelled() | Forgotten():
            cancel = _cancel(state, turn) if isinstance(event, Cancelled) else []
            return [*cancel, *_mark(state, turn, state.bookings), *_tell(state, turn)]
        case Kept():
            return _mark(state, turn, event.bookings)
        case Drafted() | Scheduled() | SlotLost() | Delayed() | Removed():
            return []
    assert_never(event)


def _begin(state: State, turn: Turn) -> Effect:
    """Have its workflow run what it defines, or those outside who run such executions."""
    assert state.plan is not None
    if state.plan.starts_itself:
        times = {"start": state.plan.start, "end": state.plan.end}
        launch = Launch(
            input=msgspec.to_builtins(times),
            run=turn.me.id,
            execution=turn.me.id,
            trigger=state.plan.trigger,
        )
        return Order(Address("workflow", state.plan.workflow), launch)
    run = Run(
        execution=turn.me.id,
        workflow=state.plan.workflow,
        workflow_version=state.plan.workflow_version,
        start=state.plan.start,
        end=state.plan.end,
        bookings=state.bookings,
        key=f"{turn.me.id}.{state.generation}",
    )
    return Task(QUEUE, run)


def _cancel(state: State, turn: Turn) -> list[Order]:
    has_run = state.plan is not None and state.plan.starts_itself and state.started_at is not None
    return [Order(Address("run", turn.me.id), CancelRun(reason=state.reason))] if has_run else []


def _mark(state: State, turn: Turn, bookings: Sequence[Booked]) -> list[Order]:
    if state.plan is None:
        return []
    # a run that never began frees its slots, whatever became of it
    has_run = state.started_at is not None
    mark = Mark(
        workflow=state.plan.workflow,
        execution=turn.me.id,
        state=state.state if has_run else states.State.CANCELLED,
    )
    # those that took the slot back too: it may be booked again when a hold had to be repeated
    return [Order(booking_of(one.resource, turn.node), mark) for one in bookings]


def _tell(state: State, turn: Turn) -> list[Order]:
    if state.plan is None:
        return []
    changed = ExecutionChanged(execution=turn.me.id, state=state.state, start=state.plan.start)
    return [Order(Address("workflow", state.plan.workflow), changed)]


ACTOR: Actor[State, Any, Any] = Actor(
    kind="execution",
    commands=(Start, Succeed, Fail, Cancel, Plan, Schedule, Remove, SlotCancelled, Fire, Skip),
    events=(
        Drafted,
        Scheduled,
        Kept,
        Started,
        Succeeded,
        Failed,
        Cancelled,
        Forgotten,
        SlotLost,
        Delayed,
        Removed,
    ),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    passes=passes,
    points_at=points_at,
    alarms=alarms,
    summary=summary,
    filters=frozenset({"end", "generation"}),
    view=view,
    internal=frozenset({"plan", "schedule", "remove", "slot_cancelled", "fire", "skip"}),
    belongs_to="workflow",
)
