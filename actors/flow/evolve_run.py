"""What becomes of a run as a whole: its beginning, its end, and what comes after that."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.flow.state import Frame, Return, State
from messages.run_events import (
    Begun,
    Cancelled,
    Cancelling,
    Failed,
    Paced,
    Paused,
    Restarted,
    Resumed,
    Rewinding,
    RunEvent,
    Succeeded,
    Unmoved,
)


def of_run(state: State, event: RunEvent) -> State:
    """Return the run after an event that is about the whole of it."""
    match event:
        case Begun() | Restarted():
            return _begun(state, event)
        case Succeeded() | Failed() | Cancelled():
            return _over(replace(state, ended_at=event.at, frames={}), event)
        case Paused():
            return replace(state, is_paused=True, reason=event.reason)
        case Resumed():
            return replace(state, is_paused=False, reason="")
        case Cancelling():
            return replace(state, is_cancelling=True, reason=event.reason)
        case Rewinding():
            wanted = Return(
                start=event.start,
                version=event.version,
                definition=event.definition,
                workflow_version=event.workflow_version,
                author=event.author,
            )
            return replace(state, returning=wanted)
        case Unmoved():
            return replace(state, returning=None)
        case Paced():
            return state
    assert_never(event)


def _begun(state: State, event: Begun | Restarted) -> State:
    if isinstance(event, Restarted):
        return _restarted(state, event)
    return State(
        id=event.run,
        status="running",
        definition=_text(event.definition),
        workflow=event.workflow,
        workflow_version=event.workflow_version,
        input=event.input,
        trigger=event.trigger,
        by=event.by,
        parent=event.parent,
        execution=event.execution,
        environment=event.environment,
        author=event.author,
        given_by=event.given_by,
        begun_at=event.at,
    )


def _restarted(state: State, event: Restarted) -> State:
    """Run again; what waited for the run was told its end, and is not told another one."""
    frames = {frame.id: frame for frame in msgspec.convert(event.frames, list[Frame], str_keys=True)}
    return State(
        id=state.id,
        status="running",
        definition=state.definition if event.definition is None else _text(event.definition),
        workflow=state.workflow,
        workflow_version=event.workflow_version,
        input=state.input,
        context=event.context,
        trigger=state.trigger,
        by=state.by,
        environment=state.environment,
        author=event.author or state.author,
        given_by=state.given_by,
        begun_at=state.begun_at,
        frames=frames,
        frames_made=max(frames, default=state.frames_made),
        restarts=state.restarts + 1,
    )


def _text(definition: dict[str, Any]) -> str:
    return msgspec.json.encode(definition).decode()


def _over(state: State, event: Succeeded | Failed | Cancelled) -> State:
    match event:
        case Succeeded():
            return replace(state, status="success", output=event.output)
        case Failed():
            return replace(state, status="failure", problem=event.problem)
        case Cancelled():
            return replace(state, status="cancelled", reason=event.reason)
    assert_never(event)
