"""What the events of a run cause outside of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from actors.actor import Effect, Order, Rejected, Task, Turn
from actors.flow import programs
from actors.flow.calling import is_once
from actors.flow.errors import standard
from actors.flow.naming import behalf, givers
from actors.flow.programs import ORDERED
from actors.flow.state import Frame, State
from actors.flow.step import expressions
from messages import execution, run, workflow
from messages.envelope import Address, derive
from messages.run_events import Cancelled, Cancelling, Event, Failed, Paced, Rewinding, Succeeded
from messages.task_events import Asked, Called, TaskCancelled, TaskFailed

EXPRESSIONS, HISTORY = "expressions", "history"
REASON_CHARACTERS = 2_000


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Ask for values, have calls made, and tell the end to whom it concerns."""
    match event:
        case Asked():
            return _ask(state, event, turn)
        case Called():
            return _call(state, event, turn)
        case Paced():
            return [Order(turn.me, run.Go())]
        case TaskCancelled() | TaskFailed():
            return _give_up(state, event, turn)
        case Cancelling():
            return _cancel_children(state, turn)
        case Rewinding():
            ask = run.Rewind(run=turn.me.id, version=event.version, start=event.start)
            return [Task(HISTORY, ask)]
        case Succeeded() | Failed() | Cancelled():
            return [*_tell_execution(state, event), *_tell_parent(state, event)]
    return []


def _ask(state: State, event: Asked, turn: Turn) -> list[Effect]:
    frame = state.frames.get(event.frame)
    if frame is None:
        return []
    asked = expressions(state, frame, turn.at)
    work = run.Evaluate(
        run=turn.me.id,
        frame=frame.id,
        ask=frame.asks,
        pointer=frame.pointer,
        expressions=asked,
        environment=state.environment,
    )
    return [Task(EXPRESSIONS, work)]


def _call(state: State, event: Called, turn: Turn) -> list[Effect]:
    frame = state.frames.get(event.frame)
    if frame is None and event.is_awaited:
        return []  # it was given up with the same message
    if event.kind == "workflow":
        return [_launch(state, event, turn)]
    if event.kind in ORDERED:
        return [programs.begin(state, event, turn)]
    work = run.Call(
        run=turn.me.id,
        frame=event.frame,
        call=event.attempt,
        pointer=event.pointer,
        kind=event.kind,
        arguments=event.arguments,
        attempt=event.attempt,
        key=derive(turn.me.id, f"{event.pointer}/{event.frame}/{event.attempt}"),
        deadline=_deadline(state, frame, event.until),
        once=is_once(state.program[event.pointer].body),
        is_awaited=event.is_awaited,
        environment=state.environment,
    )
    return [Task(f"call-{event.kind}", work)]


def _launch(state: State, event: Called, turn: Turn) -> Order:
    """Have another workflow run, and be told its output unless nobody waits for it."""
    launch = workflow.Launch(
        run=child(turn.me.id, event.frame),
        input=event.arguments.get("input"),
        trigger="workflow",
        parent=f"{turn.me.id}.{event.frame}.{event.attempt}" if event.is_awaited else "",
        environment=state.environment,
        behalf=behalf(state, event),
        given_by=givers(state),
    )
    return Order(Address("workflow", str(event.arguments["name"])), launch)


def child(me: str, frame: int) -> str:
    """Return the id of the run that a task of a run waits for."""
    return derive(me, f"child/{frame}")


def _deadline(state: State, frame: Frame | None, until: datetime | None) -> datetime | None:
    """Return the earliest deadline of a call, its task, and those above it."""
    found = [] if until is None else [until]
    while frame is not None:
        found += [frame.deadline] if frame.deadline is not None else []
        frame = state.frames.get(frame.parent)
    return min(found, default=None)


def _give_up(state: State, event: TaskCancelled | TaskFailed, turn: Turn) -> list[Effect]:
    """Cancel the run that a task has waited for; other calls are stopped by their workers."""
    body = state.program[event.pointer].body
    if body.get("call") in ORDERED:
        return [programs.cancel(state, body["call"], event.frame, turn)]
    said = body.get("run", {})
    if "workflow" not in said or said.get("await") is False:
        return []
    if isinstance(event, TaskFailed) and not _is_late(event):
        return []  # the child itself has failed
    return [_cancel(event.frame, turn)]


def _cancel_children(state: State, turn: Turn) -> list[Effect]:
    """Cancel the runs that tasks wait for: the run itself is over when they are."""
    waiting = [frame for frame in state.frames.values() if frame.is_calling]
    runs = [_cancel(one.id, turn) for one in waiting if "workflow" in state.task(one).body.get("run", {})]
    called = [(one.id, state.task(one).body.get("call")) for one in waiting]
    return [*runs, *(programs.cancel(state, what, id, turn) for id, what in called if what in ORDERED)]


def _cancel(frame: int, turn: Turn) -> Order:
    return Order(Address("run", child(turn.me.id, frame)), run.Cancel(reason="given up above"))


def _is_late(event: TaskFailed) -> bool:
    return standard(event.problem.type) == "timeout" and event.problem.instance == event.pointer


def _tell_execution(state: State, event: Succeeded | Failed | Cancelled) -> list[Effect]:
    if not state.execution:
        return []
    to = Address("execution", state.execution)
    match event:
        case Succeeded():
            output = event.output if isinstance(event.output, dict) else {"output": event.output}
            return [Order(to, execution.Succeed(result=output))]
        case Failed():
            problem = event.problem
            reason = f"{problem.title or problem.type} at {problem.instance or '/'}: {problem.detail}"
            return [Order(to, execution.Fail(reason=reason[:REASON_CHARACTERS]))]
        case Cancelled():
            return [Order(to, execution.Cancel(reason=event.reason))]
    assert_never(event)


def _tell_parent(state: State, event: Succeeded | Failed | Cancelled) -> list[Effect]:
    if not state.parent:
        return []
    above, frame, call = state.parent.split(".")
    to = Address("run", above)
    if isinstance(event, Succeeded):
        return [Order(to, run.Answered(frame=int(frame), call=int(call), output=event.output))]
    problem = event.problem if isinstance(event, Failed) else _given_up(event)
    return [Order(to, run.Faulted(frame=int(frame), call=int(call), problem=problem))]


def _given_up(event: Cancelled) -> run.Problem:
    return run.Problem(type="cancelled", status=499, title="Cancelled", detail=event.reason)


def answer(command: Any, no: Rejected, _turn: Turn) -> Sequence[Effect]:
    """Tell who waits for a run that it is not begun."""
    if not isinstance(command, run.Begin) or not command.parent:
        return []
    above, frame, call = command.parent.split(".")
    problem = run.Problem(type=no.code, status=409, title="The workflow was not run", detail=no.detail)
    return [Order(Address("run", above), run.Faulted(frame=int(frame), call=int(call), problem=problem))]
