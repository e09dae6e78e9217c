"""A run: the durable execution of one version of a workflow definition."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.actor import Actor, Summary
from actors.flow.asked import QUESTIONS
from actors.flow.decide import decide
from actors.flow.evolve import evolve
from actors.flow.reacting import answer, react
from actors.flow.ringing import alarms
from actors.flow.state import Frame, State
from messages import run
from messages.environment import MAIN
from messages.run_events import RunEvent
from messages.task_events import TaskEvent


def status(state: State) -> str:
    """Return how it goes: running while somebody works for it, waiting while all wait.

    Suspended: by somebody, or until somebody says what became of a call.
    """
    if state.is_over:
        return state.status if state.returning is None else "pending"
    frames = state.frames.values()
    if state.is_paused or any(one.is_unsettled for one in frames):
        return "suspended"
    is_busy = any(one.is_asking or one.is_calling for one in frames)
    is_waiting = any(one.due is not None or one.is_listening for one in frames)
    return "waiting" if is_waiting and not is_busy else "running"


def summary(state: State) -> Summary | None:
    """Stand in the listings of runs, under its workflow."""
    if not state.definition:
        return None
    fields: dict[str, Any] = {"workflow_version": state.workflow_version, "trigger": state.trigger}
    if any(frame.hears for frame in state.frames.values()):
        fields["listening"] = True
    if state.environment != MAIN:
        fields["environment"] = state.environment
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
        "by": state.by,
        "environment": state.environment,
        "input": state.input,
        "output": state.output,
        "error": None if state.problem is None else msgspec.to_builtins(state.problem),
        "reason": state.reason,
        "begun_at": state.begun_at,
        "ended_at": state.ended_at,
        "actions": state.actions,
        "restarts": state.restarts,
        "under_way": [_shown(frame) for frame in state.frames.values() if frame.is_parked],
    }


def _shown(frame: Frame) -> dict[str, Any]:
    return {
        "frame": frame.id,
        "pointer": frame.pointer,
        "since": frame.started_at,
        "until": frame.due,
        "calls": frame.calls,
        "is_calling": frame.is_calling,
        "is_unsettled": frame.is_unsettled,
    }


ACTOR: Actor[State, Any, Any] = Actor(
    kind="run",
    commands=(
        run.Begin,
        run.Pause,
        run.Resume,
        run.Cancel,
        run.Terminate,
        run.Retry,
        run.Settle,
        run.Deliver,
        run.Evaluated,
        run.Answered,
        run.Faulted,
        run.Lost,
        run.Rewound,
        run.Go,
    ),
    events=(*RunEvent.__args__, *TaskEvent.__args__),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    answer=answer,
    alarms=alarms,
    summary=summary,
    filters=frozenset({"workflow_version", "trigger", "listening", "environment"}),
    view=view,
    questions=QUESTIONS,
    internal=frozenset({"begin", "go"}),
    belongs_to="workflow",
)
