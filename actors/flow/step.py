"""The next event of a run: which task is due, and what it does next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from actors.flow import composites, simple
from actors.flow.errors import Fault, fault
from actors.flow.moment import Moment
from actors.flow.program import SEQUENCE, WORKFLOW
from actors.flow.reading import Ask, Reader
from actors.flow.schema import mismatch
from actors.flow.state import Frame, State
from messages.run import (
    Asked,
    Event,
    Expression,
    Failed,
    Problem,
    Succeeded,
    TaskEnded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
)

ACTIONS_MAX = 10_000
ROUNDS_MAX = 10_000
DEPTH_MAX = 64
LOG_BYTES_MAX = 1 << 20
DATA_BYTES_MAX = 192 * 1024
"""What one task may bring along: less than a message may have."""

BODIES = {**simple.BODIES, **composites.BODIES}


def next_event(state: State, at: datetime, chance: float) -> Event | None:
    """Return what happens next without anybody's help, or None when all wait.

    ``chance`` is between 0 and 1, for jitter.
    """
    if state.is_over or state.is_paused:
        return None
    for frame in state.frames.values():
        if not frame.is_parked and not composites.waits(state, frame):
            return step(state, frame, at, chance)
    return None


def step(state: State, frame: Frame, at: datetime, chance: float = 0.0) -> Event:
    """Return what a frame does next."""
    try:
        return _step(_moment(state, frame, at, chance))
    except Ask as ask:
        return Asked(frame=frame.id, names=tuple(ask.expressions))
    except Fault as broken:
        return failure(frame, broken.problem, at)


def failure(frame: Frame, problem: Problem, at: datetime) -> TaskFailed | Failed:
    """Return the failure of a task, or of the run when nothing is above it."""
    if frame.parent == 0:
        return Failed(problem=problem, at=at)
    return TaskFailed(frame=frame.id, pointer=frame.pointer, problem=problem, at=at)


def expressions(state: State, frame: Frame, at: datetime) -> dict[str, Expression]:
    """Return what a frame asks the evaluator for."""
    try:
        _step(_moment(state, frame, at, 0.0))
    except Ask as ask:
        return ask.expressions
    except Fault:
        pass
    return {}


def _moment(state: State, frame: Frame, at: datetime, chance: float) -> Moment:
    task = state.task(frame)
    return Moment(state, frame, task, Reader(state, frame, task), at, chance)


def _step(now: Moment) -> Event:
    frame, task = now.frame, now.task
    if not frame.is_started:
        return _start(now)
    if frame.problem is not None and task.kind not in ("try", "fork"):
        raise Fault(frame.problem)
    if not frame.has_result:
        event: Event = BODIES[task.kind](now)
        return event
    return _end(now)


def _start(now: Moment) -> Event:
    frame, body = now.frame, now.task.body
    if passed := _limit(now.state, frame):
        return Failed(problem=fault("limit_exceeded", frame.pointer, passed).problem, at=now.at)
    if now.task.kind != WORKFLOW and "if" in body and not now.read.holds("if", body["if"], frame.raw):
        return TaskSkipped(frame=frame.id, pointer=frame.pointer)
    said = body.get("input", {})
    _fit(now, said, frame.raw, "input")
    data = now.read.bare("input", said["from"], frame.raw) if "from" in said else frame.raw
    deadline = _deadline(now, data)
    return TaskStarted(frame=frame.id, pointer=frame.pointer, input=data, at=now.at, deadline=deadline)


def _limit(state: State, frame: Frame) -> str:
    if state.actions >= ACTIONS_MAX:
        return f"a run has at most {ACTIONS_MAX} actions"
    if state.rounds >= ROUNDS_MAX:
        return f"the loops of a run have at most {ROUNDS_MAX} rounds"
    if state.depth(frame) > DEPTH_MAX:
        return f"tasks are at most {DEPTH_MAX} deep"
    if state.log_bytes > LOG_BYTES_MAX:
        return f"a run logs at most {LOG_BYTES_MAX} bytes"
    if len(msgspec.json.encode(frame.raw)) > DATA_BYTES_MAX:
        return f"the data of a task have at most {DATA_BYTES_MAX} bytes"
    return ""


def _deadline(now: Moment, data: Any) -> datetime | None:
    said = now.state.program.reusable("timeouts", now.task.body.get("timeout"))
    if said is None:
        return None
    return now.instant(now.read.value("timeout", said["after"], data))


def _fit(now: Moment, said: Any, data: Any, what: str) -> None:
    """Check data against the schema that a task gives for it."""
    wrong = mismatch(said.get("schema", {}).get("document"), data) if said else ""
    if wrong:
        raise fault("validation", now.frame.pointer, f"{what}: {wrong}")


def _end(now: Moment) -> Event:
    frame, body = now.frame, now.task.body
    if now.task.kind == SEQUENCE:
        return TaskEnded(frame=frame.id, pointer=frame.pointer, output=frame.result, at=now.at)
    said = body.get("output", {})
    output = now.read.bare("output", said["as"], frame.result) if "as" in said else frame.result
    _fit(now, said, output, "output")
    if now.task.kind == WORKFLOW:
        return Succeeded(output=output, at=now.at)
    exported = body.get("export", {})
    context: Any = msgspec.UNSET
    if "as" in exported:
        context = now.read.bare("export", exported["as"], output, output=output)
        _fit(now, exported, context, "export")
    handled = body["catch"].get("then", "") if frame.caught is not None else ""
    then = frame.then or handled or body.get("then", "continue")
    return TaskEnded(
        frame=frame.id, pointer=frame.pointer, output=output, then=then, context=context, at=now.at
    )
