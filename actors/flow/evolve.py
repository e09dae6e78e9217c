"""What each event makes of a run."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.flow.program import SEQUENCE
from actors.flow.state import Frame, State
from messages.run import (
    Asked,
    Begun,
    Called,
    Cancelled,
    Caught,
    Emitted,
    Entered,
    Event,
    Failed,
    Heard,
    Iterated,
    Listening,
    Logged,
    Paced,
    Paused,
    Resumed,
    Retried,
    Returned,
    Succeeded,
    TaskCancelled,
    TaskEnded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    Valued,
    Waiting,
    Woken,
)

TEXT = msgspec.json.encode


def evolve(state: State, event: Event) -> State:
    """Fold one event into the state."""
    match event:
        case Begun() | Paused() | Resumed() | Succeeded() | Failed() | Cancelled() | Paced():
            return _of_run(state, event)
        case Entered():
            return _entered(state, event)
        case TaskEnded() | TaskSkipped() | TaskFailed() | TaskCancelled():
            return _left(state, event)
        case _:
            return _of_frame(state, event)


def _of_run(state: State, event: Begun | Paused | Resumed | Succeeded | Failed | Cancelled | Paced) -> State:
    match event:
        case Begun():
            return State(
                status="running",
                definition=TEXT(event.definition).decode(),
                workflow=event.workflow,
                workflow_version=event.workflow_version,
                input=event.input,
                trigger=event.trigger,
                parent=event.parent,
                execution=event.execution,
                begun_at=event.at,
            )
        case Paused():
            return replace(state, is_paused=True, reason=event.reason)
        case Resumed():
            return replace(state, is_paused=False, reason="")
        case Succeeded():
            return replace(state, status="success", output=event.output, ended_at=event.at, frames={})
        case Failed():
            return replace(state, status="failure", problem=event.problem, ended_at=event.at, frames={})
        case Cancelled():
            return replace(state, status="cancelled", reason=event.reason, ended_at=event.at, frames={})
        case Paced():
            return state
    assert_never(event)


def _with(state: State, *frames: Frame, **more: Any) -> State:
    return replace(state, frames=state.frames | {frame.id: frame for frame in frames}, **more)


def _entered(state: State, event: Entered) -> State:
    is_list = state.program[event.pointer].kind == SEQUENCE
    frame = Frame(
        id=event.frame,
        pointer=event.pointer,
        parent=event.parent,
        raw=event.raw,
        input=event.raw if is_list else None,
        last=event.raw,
        is_started=is_list,
        variables=event.variables,
    )
    entered = _with(state, frame, frames_made=event.frame)
    if event.parent == 0:
        return entered
    above = state.frames[event.parent]
    is_sequence = state.task(above).kind == SEQUENCE
    place = above.place if is_sequence else above.place + 1
    return _with(entered, replace(above, children=(*above.children, event.frame), place=place))


def _left(state: State, event: TaskEnded | TaskSkipped | TaskFailed | TaskCancelled) -> State:
    frame = state.frames[event.frame]
    match event:
        case TaskSkipped():
            return _ended(state, frame, frame.raw, "continue")
        case TaskEnded():
            after = state if event.context is msgspec.UNSET else replace(state, context=event.context)
            if event.then == "end":
                return _finished(after, event.output)
            return _ended(after, frame, event.output, event.then)
        case TaskFailed():
            return _failed(state, frame, event)
        case TaskCancelled():
            above = state.frames.get(frame.parent)
            gone = _without(state, frame)
            return gone if above is None else _with(gone, _orphaned(above, frame))
    assert_never(event)


def _without(state: State, frame: Frame) -> State:
    gone = {one.id for one in (frame, *state.below(frame))}
    return replace(state, frames={id: one for id, one in state.frames.items() if id not in gone})


def _orphaned(above: Frame, child: Frame, **more: Any) -> Frame:
    children = tuple(id for id in above.children if id != child.id)
    return replace(above, children=children, **more)


def _finished(state: State, output: Any) -> State:
    """End all tasks: the whole has its result."""
    root = state.frames[min(state.frames)]
    return replace(
        state, frames={root.id: replace(root, children=(), has_result=True, result=output, problem=None)}
    )


def _ended(state: State, frame: Frame, output: Any, then: str) -> State:
    """Give the output of a frame to the one that waits for it."""
    gone = _without(state, frame)
    above = state.frames.get(frame.parent)
    if above is None:
        return gone
    task = state.task(above)
    match task.kind:
        case "sequence":
            return _went_on(gone, _orphaned(above, frame, last=output), then)
        case "for":
            return _with(gone, _orphaned(above, frame, last=output))
        case "fork":
            place = state.program[f"{above.pointer}/fork/branches"].steps.index(frame.pointer)
            return _with(gone, _orphaned(above, frame, outputs={**above.outputs, place: output}))
        case _:
            return _with(gone, _orphaned(above, frame, has_result=True, result=output))


def _went_on(state: State, sequence: Frame, then: str) -> State:
    """Go to the next task of a list, or give its output on when that was the last."""
    task = state.task(sequence)
    if then == "exit":
        place = len(task.steps)
    elif then == "continue":
        place = sequence.place + 1
    else:
        place = state.program.named(task, then)
    if place >= len(task.steps):
        return _ended(state, sequence, sequence.last, "continue")
    return _with(state, replace(sequence, place=place))


def _failed(state: State, frame: Frame, event: TaskFailed) -> State:
    """Tell the nearest task above; a list has no say in it."""
    above = state.frames.get(frame.parent)
    while above is not None and state.task(above).kind == SEQUENCE:
        frame, above = above, state.frames.get(above.parent)
    gone = _without(state, frame)
    return gone if above is None else _with(gone, _orphaned(above, frame, problem=event.problem))


def _of_frame(state: State, event: Any) -> State:
    frame = state.frames[event.frame]
    match event:
        case TaskStarted():
            started = replace(
                frame,
                is_started=True,
                input=event.input,
                last=event.input,
                started_at=event.at,
                deadline=event.deadline,
            )
            return _with(state, started, actions=state.actions + 1)
        case Asked():
            return _with(state, replace(frame, is_asking=True, asks=frame.asks + 1))
        case Valued():
            return _with(state, replace(frame, is_asking=False, values={**frame.values, **event.values}))
        case Iterated():
            values = {name: value for name, value in frame.values.items() if not name.startswith("while")}
            more = {"index": event.index, "variables": event.variables, "values": values}
            return _with(state, replace(frame, **more), rounds=state.rounds + 1)
        case Logged():
            logged = replace(frame, has_result=True, result=frame.input)
            return _with(state, logged, log_bytes=state.log_bytes + len(event.message))
        case _:
            return _with(state, _turned(frame, event))


def _turned(frame: Frame, event: Any) -> Frame:
    return replace(frame, **_changes(frame, event))


def _changes(frame: Frame, event: Any) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    match event:
        case Called():
            changes = {"is_calling": True, "calls": frame.calls + 1}
        case Returned():
            changes = {"has_result": True, "result": event.output, "then": event.then, "is_calling": False}
        case Waiting():
            changes = {"due": event.until}
        case Woken():
            changes = {"due": None, "is_woken": True}
        case Listening():
            changes = {"is_listening": True}
        case Heard():
            changes = {"is_listening": False, "heard": (*frame.heard, event.event)}
        case Emitted():
            changes = {"has_result": True, "result": event.event}
        case Retried():
            changes = {"problem": None, "due": event.until, "index": event.attempt, "place": 0, "values": {}}
        case Caught():
            variables = {**frame.variables, event.name: msgspec.to_builtins(event.problem)}
            changes = {"problem": None, "caught": event.problem, "variables": variables}
    return changes
