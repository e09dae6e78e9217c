"""The tasks that have tasks in them: lists, do, for, fork, try, and the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from actors.flow.errors import Fault, fault, passes
from actors.flow.moment import Moment
from actors.flow.program import SEQUENCE, WORKFLOW
from actors.flow.state import Frame, State
from messages.run import Caught, Event, Iterated, Problem, Retried, TaskCancelled, TaskEnded

ATTEMPTS_MAX = 1_000
"""How often a try is tried, whatever its policy says."""
DOUBLINGS_MAX = 20
DELAY_MAX = timedelta(days=365)


def waits(state: State, frame: Frame) -> bool:
    """Say whether a frame waits for the tasks below it."""
    if not frame.children or frame.problem is not None:
        return False
    task = state.task(frame)
    if task.kind != "fork" or not frame.is_started:
        return True
    is_decided = bool(task.body["fork"].get("compete")) and bool(frame.outputs)
    return frame.place == len(_branches(state, frame)) and not is_decided


def sequence(now: Moment) -> Event:
    """Begin the next task of a list."""
    frame, steps = now.frame, now.task.steps
    if frame.place < len(steps):
        return now.enter(steps[frame.place], frame.last)
    return TaskEnded(frame=frame.id, pointer=frame.pointer, output=frame.last, at=now.at)


def whole(now: Moment) -> Event:
    """Begin the tasks of the definition."""
    return now.enter("/do", now.frame.input)


def do(now: Moment) -> Event:
    """Do the tasks of a list one after the other."""
    return now.enter(f"{now.frame.pointer}/do", now.frame.input)


def for_(now: Moment) -> Event:
    """Do the tasks of a list once for each item."""
    frame, said = now.frame, now.task.body["for"]
    if frame.place <= frame.index:
        return now.enter(f"{frame.pointer}/do", frame.last)
    items = now.read.bare("in", said["in"], frame.input)
    if not isinstance(items, list):
        raise fault("validation", frame.pointer, "for.in: there is no list to go through")
    round_ = frame.index + 1
    if round_ >= len(items):
        return now.result(frame.last)
    names = {said.get("each", "item"): items[round_], said.get("at", "index"): round_}
    go_on = now.task.body.get("while")
    if go_on is not None and not now.read.holds(f"while{round_}", go_on, frame.last, **names):
        return now.result(frame.last)
    return _iterated(frame, round_, names)


def _iterated(frame: Frame, round_: int, names: Mapping[str, Any]) -> Event:
    return Iterated(frame=frame.id, index=round_, variables=dict(names))


def fork(now: Moment) -> Event:
    """Do all branches side by side; where they compete, the first to end is the result."""
    frame, state = now.frame, now.state
    is_decided = bool(now.task.body["fork"].get("compete")) and bool(frame.outputs)
    if frame.children and (is_decided or frame.problem is not None):
        child = state.frames[frame.children[0]]
        return TaskCancelled(frame=child.id, pointer=child.pointer)
    if frame.problem is not None:
        raise Fault(frame.problem)
    branches = _branches(state, frame)
    if is_decided:
        return now.result(next(iter(frame.outputs.values())))
    if frame.place < len(branches):
        return now.enter(branches[frame.place], frame.input)
    return now.result([frame.outputs[place] for place in sorted(frame.outputs)])


def _branches(state: State, frame: Frame) -> tuple[str, ...]:
    return state.program[f"{frame.pointer}/fork/branches"].steps


def try_(now: Moment) -> Event:
    """Do the tasks of a list, and deal with their errors as the definition says."""
    frame = now.frame
    if frame.problem is not None:
        return _caught(now, frame.problem)
    if frame.caught is None:
        return now.enter(f"{frame.pointer}/try", frame.input)
    handler = now.task.body["catch"]
    then = handler.get("then", "")
    if "do" not in handler:
        return now.result(frame.input, then)
    return now.enter(f"{frame.pointer}/catch/do", frame.input)


def _caught(now: Moment, problem: Problem) -> Event:
    frame, handler = now.frame, now.task.body["catch"]
    name = handler.get("as", "error")
    if frame.caught is not None or not _is_for(now, handler, problem, name):
        raise Fault(problem)
    retry = now.state.program.reusable("retries", handler.get("retry"))
    until = None if retry is None else _pause(now, retry, problem, name)
    attempt = max(frame.index, 1)
    if until is not None:
        return Retried(
            frame=frame.id, pointer=frame.pointer, attempt=attempt + 1, problem=problem, until=until
        )
    if retry is not None and "do" not in handler:
        raise Fault(problem)
    return Caught(frame=frame.id, pointer=frame.pointer, problem=problem, name=name)


def _is_for(now: Moment, handler: Mapping[str, Any], problem: Problem, name: str) -> bool:
    if not passes(problem, handler.get("errors", {}).get("with", {})):
        return False
    return _allows(now, handler, problem, name, "catch")


def _allows(now: Moment, said: Mapping[str, Any], problem: Problem, name: str, slot: str) -> bool:
    """Say whether ``when`` and ``exceptWhen`` let an error through."""
    error = {name: msgspec.to_builtins(problem)}
    data, attempt = now.frame.input, max(now.frame.index, 1)
    if "when" in said and not now.read.holds(f"{slot}.when{attempt}", said["when"], data, **error):
        return False
    return not (
        "exceptWhen" in said and now.read.holds(f"{slot}.except{attempt}", said["exceptWhen"], data, **error)
    )


def _pause(now: Moment, retry: Mapping[str, Any], problem: Problem, name: str) -> datetime | None:
    """Return when to try again, or None when not any more."""
    frame, limit = now.frame, retry.get("limit", {})
    attempt = max(frame.index, 1)
    most = min(limit.get("attempt", {}).get("count", ATTEMPTS_MAX), ATTEMPTS_MAX)
    if attempt >= most or not _allows(now, retry, problem, name, "retry"):
        return None
    delay = _span(now, retry.get("delay")) * _factor(retry.get("backoff", {}), attempt)
    if "jitter" in retry:
        low, high = (_span(now, retry["jitter"][end]) for end in ("from", "to"))
        delay += low + (high - low) * now.chance
    until = now.at + min(delay, DELAY_MAX)
    if "duration" in limit and frame.started_at is not None:
        return until if until <= frame.started_at + _span(now, limit["duration"]) else None
    return until


def _span(now: Moment, duration: Any) -> timedelta:
    return timedelta() if duration is None else now.instant(duration) - now.at


def _factor(backoff: Mapping[str, Any], attempt: int) -> int:
    if "exponential" in backoff:
        return int(2 ** min(attempt - 1, DOUBLINGS_MAX))
    return attempt if "linear" in backoff else 1


BODIES: dict[str, Callable[[Moment], Event]] = {
    SEQUENCE: sequence,
    WORKFLOW: whole,
    "do": do,
    "for": for_,
    "fork": fork,
    "try": try_,
}
