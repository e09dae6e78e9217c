"""What a run of a routine is: how far each of its steps is, and what is shown of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors import retention
from actors.actor import Summary
from messages.routine import Step
from messages.routine_run import (
    Begun,
    Deleted,
    Ended,
    Event,
    How,
    StepEnded,
    StepEvent,
    StepRetried,
    StepStarted,
    StepStatus,
    StepStopping,
    StepWoken,
    Stopping,
)

WHOLE, RETRY, TIMEOUT = "whole", "retry", "timeout"
"""The alarms; those of a step have its id behind a dot."""


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a step is."""

    status: StepStatus = "pending"
    attempt: int = 0
    """The latest try, from 1."""
    run: str = ""
    """The run of the job of that try."""
    started_at: datetime | None = None
    """Of the first try."""
    next_at: datetime | None = None
    """When it is tried again."""
    is_stopping: bool = False
    """Whether its time is over, and the run of its job is being cancelled."""
    ended_at: datetime | None = None
    how: How | None = None
    """How the latest try that ended has ended."""

    @property
    def is_over(self) -> bool:
        """Whether it is not run any more."""
        return self.ended_at is not None


NEW = StepState()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; what has not begun has no steps."""

    begun: Begun | None = None
    steps: dict[str, StepState] = msgspec.field(default_factory=dict)
    stopping: Stopping | None = None
    ended: Ended | None = None
    is_deleted: bool = False

    @property
    def plan(self) -> tuple[Step, ...]:
        """What is run."""
        return () if self.begun is None else self.begun.content.steps

    @property
    def status(self) -> str:
        """How far it is; nothing when it was never begun."""
        if self.ended is not None:
            return self.ended.status
        if self.begun is None:
            return ""
        return "running" if self.stopping is None else "stopping"

    def having(self, *statuses: StepStatus) -> list[str]:
        """Return the steps that are so, in their order."""
        return [step.id for step in self.plan if self.steps[step.id].status in statuses]


def evolve(state: State, event: Event) -> State:
    """Follow it from its begin to its end."""
    match event:
        case Begun():
            return State(begun=event, steps={step.id: NEW for step in event.content.steps})
        case Stopping():
            return replace(state, stopping=event)
        case Ended():
            return replace(state, ended=event)
        case Deleted():
            return replace(state, is_deleted=True)
    return replace(state, steps={**state.steps, event.step: _step(state.steps.get(event.step, NEW), event)})


def _step(step: StepState, event: StepEvent) -> StepState:
    match event:
        case StepStarted():
            begun = replace(step, status="running", attempt=event.attempt, run=event.run)
            return replace(begun, started_at=step.started_at or event.at)
        case StepRetried():
            return replace(step, status="waiting", how=event.how, next_at=event.next_at)
        case StepWoken():
            return replace(step, status="pending", next_at=None)
        case StepStopping():
            return replace(step, is_stopping=True)
        case StepEnded():
            ended = replace(step, status=event.status, ended_at=event.at, next_at=None)
            return replace(ended, how=event.how)
    assert_never(event)


def alarms(state: State) -> Mapping[str, datetime]:
    """Want to be told when a try is due, when the time of a step or of all is over, and when to go."""
    if state.begun is None or state.is_deleted:
        return {}
    if state.ended is not None:
        return retention.alarms(state.ended.at)
    return dict(_alarms(state, state.begun))


def _alarms(state: State, begun: Begun) -> Iterator[tuple[str, datetime]]:
    if state.stopping is not None:
        return  # it ends as soon as what runs has ended
    if begun.content.timeout_seconds is not None:
        yield WHOLE, begun.at + timedelta(seconds=begun.content.timeout_seconds)
    for step in state.plan:
        now = state.steps[step.id]
        if now.next_at is not None:
            yield f"{RETRY}.{step.id}", now.next_at
        is_timed = now.started_at is not None and not now.is_over and not now.is_stopping
        if is_timed and step.timeout_seconds is not None and now.started_at is not None:
            yield f"{TIMEOUT}.{step.id}", now.started_at + timedelta(seconds=step.timeout_seconds)


def summary(state: State) -> Summary | None:
    """Show of which routine it is, and how far."""
    begun = state.begun
    if begun is None or state.is_deleted:
        return None
    fields: dict[str, Any] = {"count": len(state.plan), "done": len(state.having("success"))}
    fields["ended_at"] = None if state.ended is None else state.ended.at
    return Summary(status=state.status, parent=begun.routine, at=begun.at, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show each step, with the run of its job and how that went."""
    begun, ended = state.begun, state.ended
    if begun is None or state.is_deleted:
        return None
    stopping = "" if state.stopping is None else state.stopping.reason
    return {
        "routine": begun.routine,
        "generation": begun.generation,
        "status": state.status,
        "reason": stopping if ended is None else ended.reason,
        "done": len(state.having("success")),
        "count": len(state.plan),
        "on_failure": begun.content.on_failure,
        "at_once": begun.content.at_once,
        "begun_at": begun.at,
        "ended_at": None if ended is None else ended.at,
        "steps": [_shown(step, state.steps[step.id]) for step in state.plan],
    }


def _shown(step: Step, now: StepState) -> dict[str, Any]:
    waits = {"job": step.job, "mode": step.mode, "needs": step.needs, "takes": step.takes}
    tried = {"status": now.status, "attempt": now.attempt, "tries": step.retries + 1, "run": now.run}
    times = {"started_at": now.started_at, "next_at": now.next_at, "ended_at": now.ended_at}
    how = msgspec.to_builtins(now.how) if now.how is not None else None
    return {"id": step.id, **waits, **tried, **times, "how": how}
