"""Try: tasks whose errors are caught, and tried again after a while."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from actors.flow.errors import Fault, passes
from actors.flow.moment import Moment
from messages.problem import Problem
from messages.task_events import Caught, Retried, TaskEvent

RETRIES_MAX = 1_000
"""How often a try is tried again, whatever its policy says."""
DOUBLINGS_MAX = 20
DELAY_MAX = timedelta(days=365)


def try_(now: Moment) -> TaskEvent:
    """Do the tasks of a list, and deal with their errors as the definition says."""
    frame = now.frame
    if frame.problem is not None:
        return _caught(now, frame.problem)
    if frame.caught is None:
        return now.enter(f"{frame.pointer}/try", frame.input, _until(now))
    if "do" not in now.task.body["catch"]:
        return now.result(frame.input)
    return now.enter(f"{frame.pointer}/catch/do", frame.input)


def _until(now: Moment) -> datetime | None:
    """Return until when an attempt may take."""
    limit = (_policy(now) or {}).get("limit", {}).get("attempt", {}).get("duration")
    return None if limit is None else now.at + now.span("attempt", limit)


def _policy(now: Moment) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None
    found = now.state.program.reusable("retries", now.task.body["catch"].get("retry"))
    return found


def _caught(now: Moment, problem: Problem) -> Caught | Retried:
    frame, handler = now.frame, now.task.body["catch"]
    name = handler.get("as", "error")
    if frame.caught is not None or not passes(problem, handler.get("errors", {}).get("with", {})):
        raise Fault(problem)
    if not _allows(now, handler, {name: msgspec.to_builtins(problem)}, "catch"):
        raise Fault(problem)
    policy = _policy(now)
    until = None if policy is None else _again(now, policy, {name: msgspec.to_builtins(problem)})
    if until is not None:
        attempt = _attempt(now) + 1
        return Retried(frame=frame.id, pointer=frame.pointer, attempt=attempt, problem=problem, until=until)
    if "retry" in handler and "do" not in handler and "then" not in handler:
        raise Fault(problem)
    return Caught(frame=frame.id, pointer=frame.pointer, problem=problem, name=name)


def _attempt(now: Moment) -> int:
    return max(now.frame.index, 1)


def _allows(now: Moment, said: Mapping[str, Any], error: Mapping[str, Any], slot: str) -> bool:
    """Say whether ``when`` and ``exceptWhen`` let an error through."""
    data = now.frame.input
    if "when" in said and not now.read.holds(f"{slot}.when", said["when"], data, **error):
        return False
    return not ("exceptWhen" in said and now.read.holds(f"{slot}.except", said["exceptWhen"], data, **error))


def _again(now: Moment, retry: Mapping[str, Any], error: Mapping[str, Any]) -> datetime | None:
    """Return when to try again, or None when not any more."""
    limit = retry.get("limit", {})
    most = min(limit.get("attempt", {}).get("count", RETRIES_MAX), RETRIES_MAX)
    if _attempt(now) > most or not _allows(now, retry, error, "retry"):
        return None
    until = now.at + min(_delay(now, retry), DELAY_MAX)
    if "duration" in limit and now.frame.started_at is not None:
        latest = now.frame.started_at + now.span("limit", limit["duration"])
        return until if until <= latest else None
    return until


def _delay(now: Moment, retry: Mapping[str, Any]) -> timedelta:
    delay = now.span("delay", retry.get("delay")) * _factor(retry.get("backoff", {}), _attempt(now))
    if "jitter" not in retry:
        return delay
    low, high = (now.span(f"jitter.{end}", retry["jitter"][end]) for end in ("from", "to"))
    return delay + low + (high - low) * now.chance


def _factor(backoff: Mapping[str, Any], attempt: int) -> int:
    if "exponential" in backoff:
        return int(2 ** min(attempt - 1, DOUBLINGS_MAX))
    return attempt if "linear" in backoff else 1
