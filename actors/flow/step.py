"""The next events of a run: which task is due, and what it does next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from actors.flow import composites, simple
from actors.flow.errors import LIMIT, Fault, Passed, fault
from actors.flow.limits import ASKS_MAX
from actors.flow.moment import Moment
from actors.flow.program import SEQUENCE, WORKFLOW
from actors.flow.reading import Ask, Reader
from actors.flow.schema import mismatch
from actors.flow.state import Frame, State
from messages.problem import Problem
from messages.run import Expression
from messages.run_events import Cancelled, Event, Failed, Succeeded
from messages.task_events import (
    Asked,
    TaskCancelled,
    TaskEnded,
    TaskEvent,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
)

BODIES = {**simple.BODIES, **composites.BODIES}
DIRECTIVES = ("continue", "exit", "end")


def next_events(state: State, at: datetime, chance: float) -> Sequence[Event]:
    """Return what happens next without anybody's help; nothing when all wait.

    ``chance`` is between 0 and 1, for jitter.
    """
    if state.is_over:
        return []
    if state.is_cancelling:
        return _wound_down(state, at)
    if state.is_paused:
        return []
    for frame in state.frames.values():
        if not frame.is_parked and not composites.waits(state, frame):
            return step(state, frame, at, chance)
    return []


def _wound_down(state: State, at: datetime) -> Sequence[Event]:
    """End what is cancelled when the last call is over."""
    if any(frame.is_calling for frame in state.frames.values()):
        return []
    return [*given_up(state), Cancelled(reason=state.reason, at=at)]


def given_up(state: State) -> list[Event]:
    """Return that all tasks are cancelled."""
    return _cancelled(state.below(state.frames[min(state.frames)]))


def _cancelled(frames: Sequence[Frame]) -> list[Event]:
    return [TaskCancelled(frame=one.id, pointer=one.pointer) for one in frames]


def step(state: State, frame: Frame, at: datetime, chance: float = 0.0) -> Sequence[Event]:
    """Return what a frame does next."""
    try:
        event = _step(_moment(state, frame, at, chance))
    except Ask as ask:
        if frame.asks >= ASKS_MAX:
            return limited(state, frame.pointer, f"a task asks for values at most {ASKS_MAX} times", at)
        return [Asked(frame=frame.id, names=tuple(ask.expressions))]
    except Passed as bound:
        return limited(state, frame.pointer, str(bound), at)
    except Fault as broken:
        return [failure(frame, broken.problem, at)]
    if isinstance(event, TaskEnded) and event.then == "end":
        return [*_cancelled(_beside(state, frame)), event]
    return [event]


def _beside(state: State, frame: Frame) -> list[Frame]:
    """Return all that is under way but a frame and those above it, the deepest first."""
    above = {frame.id}
    while frame.parent:
        frame = state.frames[frame.parent]
        above.add(frame.id)
    return [one for one in state.below(frame) if one.id not in above]


def limited(state: State, pointer: str, detail: str, at: datetime) -> list[Event]:
    """Return the end of a run that has passed a bound."""
    return [*given_up(state), Failed(problem=fault(LIMIT, pointer, detail).problem, at=at)]


def failure(frame: Frame, problem: Problem, at: datetime) -> TaskFailed | Failed:
    """Return the failure of a task, or of the run when nothing is above it."""
    if not problem.instance:
        problem = msgspec.structs.replace(problem, instance=frame.pointer)
    if frame.parent == 0:
        return Failed(problem=problem, at=at)
    return TaskFailed(frame=frame.id, pointer=frame.pointer, problem=problem, at=at)


def expressions(state: State, frame: Frame, at: datetime) -> dict[str, Expression]:
    """Return what a frame asks the evaluator for."""
    try:
        _step(_moment(state, frame, at, 0.0))
    except Ask as ask:
        return ask.expressions
    except (Fault, Passed):
        pass  # another branch has changed the context since it asked: it goes on without an answer
    return {}


def _moment(state: State, frame: Frame, at: datetime, chance: float) -> Moment:
    task = state.task(frame)
    return Moment(state, frame, task, Reader(state, frame, task), at, chance)


def _step(now: Moment) -> TaskEvent | Succeeded:
    frame, task = now.frame, now.task
    if not frame.is_started:
        return _start(now)
    if frame.problem is not None and task.kind not in ("try", "fork"):
        raise Fault(frame.problem)
    if not frame.has_result:
        event: TaskEvent = BODIES[task.kind](now)
        return event
    return _end(now)


def _start(now: Moment) -> TaskEvent:
    frame, body = now.frame, now.task.body
    if now.task.kind != WORKFLOW and "if" in body and not now.read.holds("if", body["if"], frame.raw):
        return TaskSkipped(frame=frame.id, pointer=frame.pointer)
    said = body.get("input", {})
    _fit(now, said, frame.raw, "input")
    data = now.read.bare("input", said["from"], frame.raw) if "from" in said else frame.raw
    deadline = _deadline(now, data)
    return TaskStarted(frame=frame.id, pointer=frame.pointer, input=data, at=now.at, deadline=deadline)


def _deadline(now: Moment, data: Any) -> datetime | None:
    said = now.state.program.reusable("timeouts", now.task.body.get("timeout"))
    if said is None:
        return None
    return now.instant(now.read.value("timeout", said["after"], data))


def _fit(now: Moment, said: Mapping[str, Any], data: Any, what: str) -> None:
    """Check data against the schema that a task gives for it."""
    wrong = mismatch(said.get("schema", {}).get("document"), data) if said else ""
    if wrong:
        raise fault("validation", now.frame.pointer, f"{what}: {wrong}")


def _end(now: Moment) -> TaskEnded | Succeeded:
    frame, body = now.frame, now.task.body
    if now.task.kind == SEQUENCE:
        return TaskEnded(frame=frame.id, pointer=frame.pointer, output=frame.result, at=now.at)
    said = body.get("output", {})
    output = now.read.bare("output", said["as"], frame.result) if "as" in said else frame.result
    _fit(now, said, output, "output")
    if now.task.kind == WORKFLOW:
        return Succeeded(output=output, at=now.at)
    return TaskEnded(
        frame=frame.id,
        pointer=frame.pointer,
        output=output,
        then=_then(now),
        context=_exported(now, output),
        at=now.at,
    )


def _exported(now: Moment, output: Any) -> Any:
    said = now.task.body.get("export", {})
    if "as" not in said:
        return msgspec.UNSET
    context = now.read.bare("export", said["as"], output, output=output)
    _fit(now, said, context, "export")
    return context


def _then(now: Moment) -> str:
    """Return where to go on; raises Fault when there is no such task in the list."""
    frame, body = now.frame, now.task.body
    handled = body["catch"].get("then", "") if frame.caught is not None else ""
    then = frame.then or handled or body.get("then", "continue")
    above = now.state.task(now.state.frames[frame.parent])
    is_known = then in DIRECTIVES or (above.kind == SEQUENCE and now.state.program.named(above, then) >= 0)
    if not is_known:
        raise fault("configuration", frame.pointer, f"there is no task {then} to go on with")
    return str(then)
