"""A run: the durable execution of one version of a workflow definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec

from actors.actor import Actor, Effect, Order, Rejected, Summary, Task, Turn
from actors.flow import simple
from actors.flow.asked import QUESTIONS
from actors.flow.decide import DEADLINE, DUE, decide
from actors.flow.evolve import evolve
from actors.flow.moment import Moment
from actors.flow.reading import Reader
from actors.flow.state import Frame, State
from actors.flow.step import expressions
from messages import execution, run, workflow
from messages.envelope import Address, derive
from messages.run import Event

EXPRESSIONS = "expressions"
REASON_CHARACTERS = 2_000


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Ask for values, have calls made, and tell the end to whom it concerns."""
    match event:
        case run.Asked():
            return _ask(state, event, turn)
        case run.Called():
            return _call(state, event, turn)
        case run.Paced():
            return [Order(turn.me, run.Go())]
        case run.TaskCancelled() if "workflow" in state.program[event.pointer].body.get("run", {}):
            return [
                Order(Address("run", child(turn.me.id, event.frame)), run.Cancel(reason="given up above"))
            ]
        case run.Succeeded() | run.Failed() | run.Cancelled():
            return _tell(state, event)
    return []


def _ask(state: State, event: run.Asked, turn: Turn) -> list[Effect]:
    frame = state.frames.get(event.frame)
    if frame is None:
        return []
    asked = expressions(state, frame, turn.at)
    work = run.Evaluate(
        run=turn.me.id, frame=frame.id, ask=frame.asks, pointer=frame.pointer, expressions=asked
    )
    return [Task(EXPRESSIONS, work)]


def _call(state: State, event: run.Called, turn: Turn) -> list[Effect]:
    frame = state.frames.get(event.frame)
    if frame is None:
        return []
    task = state.task(frame)
    now = Moment(state, frame, task, Reader(state, frame, task), turn.at, 0.0)
    if event.kind == "workflow":
        return [_launch(simple.arguments(now), frame, turn)]
    work = run.Call(
        run=turn.me.id,
        frame=frame.id,
        call=frame.calls,
        pointer=frame.pointer,
        kind=event.kind,
        arguments=simple.arguments(now),
        attempt=event.attempt,
        key=derive(turn.me.id, f"{frame.pointer}/{frame.id}/{frame.calls}"),
        deadline=_deadline(state, frame),
    )
    return [Task(f"call-{event.kind}", work)]


def _launch(arguments: Mapping[str, Any], frame: Frame, turn: Turn) -> Order:
    """Have another workflow run, and be told its output."""
    launch = workflow.Launch(
        run=child(turn.me.id, frame.id),
        input=arguments.get("input"),
        trigger="workflow",
        parent=f"{turn.me.id}.{frame.id}.{frame.calls}",
    )
    return Order(Address("workflow", str(arguments["name"])), launch)


def child(me: str, frame: int) -> str:
    """Return the id of the run that a task of a run waits for."""
    return derive(me, f"child/{frame}")


def _deadline(state: State, frame: Frame | None) -> datetime | None:
    """Return the earliest deadline of a frame and those above it."""
    found: list[datetime] = []
    while frame is not None:
        found += [frame.deadline] if frame.deadline is not None else []
        frame = state.frames.get(frame.parent)
    return min(found, default=None)


def _tell(state: State, event: run.Succeeded | run.Failed | run.Cancelled) -> list[Effect]:
    return [*_tell_execution(state, event), *_tell_parent(state, event)]


def _tell_execution(state: State, event: run.Succeeded | run.Failed | run.Cancelled) -> list[Effect]:
    if not state.execution:
        return []
    to = Address("execution", state.execution)
    match event:
        case run.Succeeded():
            output = event.output if isinstance(event.output, dict) else {"output": event.output}
            return [Order(to, execution.Succeed(result=output))]
        case run.Failed():
            problem = event.problem
            reason = f"{problem.title or problem.type} at {problem.instance or '/'}: {problem.detail}"
            return [Order(to, execution.Fail(reason=reason[:REASON_CHARACTERS]))]
        case run.Cancelled():
            return [Order(to, execution.Cancel(reason=event.reason))]
    assert_never(event)


def _tell_parent(state: State, event: run.Succeeded | run.Failed | run.Cancelled) -> list[Effect]:
    if not state.parent:
        return []
    above, frame, call = state.parent.split(".")
    to = Address("run", above)
    if isinstance(event, run.Succeeded):
        return [Order(to, run.Answered(frame=int(frame), call=int(call), output=event.output))]
    problem = event.problem if isinstance(event, run.Failed) else _given_up(event)
    return [Order(to, run.Faulted(frame=int(frame), call=int(call), problem=problem))]


def _given_up(event: run.Cancelled) -> run.Problem:
    return run.Problem(type="cancelled", status=499, title="Cancelled", detail=event.reason)


def answer(command: Any, no: Rejected, _turn: Turn) -> Sequence[Effect]:
    """Tell who waits for a run that it is not begun."""
    if not isinstance(command, run.Begin) or not command.parent:
        return []
    above, frame, call = command.parent.split(".")
    problem = run.Problem(type=no.code, status=409, title="The workflow was not run", detail=no.detail)
    return [Order(Address("run", above), run.Faulted(frame=int(frame), call=int(call), problem=problem))]


def alarms(state: State) -> Mapping[str, datetime]:
    """Wake tasks that wait, and end those that take too long."""
    if state.is_over:
        return {}
    due = {f"{DUE}-{one.id}": one.due for one in state.frames.values() if one.due is not None}
    late = {f"{DEADLINE}-{one.id}": one.deadline for one in state.frames.values() if one.deadline is not None}
    return {**due, **late}


def status(state: State) -> str:
    """Return how it goes: running while somebody works for it, waiting while all wait."""
    if state.is_over:
        return state.status
    if state.is_paused:
        return "suspended"
    is_busy = any(one.is_asking or one.is_calling for one in state.frames.values())
    is_waiting = any(one.due is not None or one.is_listening for one in state.frames.values())
    return "waiting" if is_waiting and not is_busy else "running"


def summary(state: State) -> Summary | None:
    """Stand in the listings of runs, under its workflow."""
    if not state.definition:
        return None
    fields = {"workflow_version": state.workflow_version, "trigger": state.trigger}
    return Summary(status=status(state), parent=state.workflow, at=state.begun_at, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show how it goes, what is under way, and what came of it."""
    if not state.definition:
        return None
    return {
        "workflow": state.workflow,
        "workflow_version": state.workflow_version,
        "status": status(state),
        "trigger": state.trigger,
        "input": state.input,
        "output": state.output,
        "error": None if state.problem is None else msgspec.to_builtins(state.problem),
        "reason": state.reason,
        "begun_at": state.begun_at,
        "ended_at": state.ended_at,
        "actions": state.actions,
        "under_way": [_shown(frame) for frame in state.frames.values() if frame.is_parked],
    }


def _shown(frame: Frame) -> dict[str, Any]:
    return {"pointer": frame.pointer, "since": frame.started_at, "until": frame.due, "calls": frame.calls}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="run",
    commands=(
        run.Begin,
        run.Pause,
        run.Resume,
        run.Cancel,
        run.Deliver,
        run.Evaluated,
        run.Answered,
        run.Faulted,
        run.Go,
    ),
    events=run.Event.__args__,
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    answer=answer,
    alarms=alarms,
    summary=summary,
    filters=frozenset({"workflow_version", "trigger"}),
    view=view,
    questions=QUESTIONS,
    internal=frozenset({"go"}),
)
