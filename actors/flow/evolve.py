"""What each event makes of a run: which tasks are under way after it."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.flow.evolve_frame import changed
from actors.flow.evolve_run import of_run
from actors.flow.limits import size
from actors.flow.program import SEQUENCE
from actors.flow.state import Frame, State
from actors.flow.telling import reached
from messages.run_events import Event, RunEvent
from messages.task_events import (
    Entered,
    Iterated,
    Logged,
    Retried,
    TaskCancelled,
    TaskEnded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
)


def evolve(state: State, event: Event) -> State:
    """Fold one event into the state."""
    match event:
        case Entered():
            return _entered(state, event)
        case TaskEnded() | TaskSkipped() | TaskFailed() | TaskCancelled():
            return _left(state, event)
    if isinstance(event, RunEvent):
        return of_run(state, event)
    if isinstance(event, TaskStarted) and (entered := reached(event)) is not None:
        state = _entered(state, entered)
    after = _with(state, changed(state.frames[event.frame], event))
    return _counted(after, event) if type(event) in _COUNTED else after


_COUNTED = frozenset({TaskStarted, Iterated, Retried, Logged})


def _counted(state: State, event: Event) -> State:
    """Count what a run may have only so much of."""
    match event:
        case TaskStarted():
            return replace(state, actions=state.actions + 1)
        case Iterated() | Retried():
            return replace(state, rounds=state.rounds + 1)
        case Logged():
            return replace(state, log_bytes=state.log_bytes + len(event.message.encode()))
    return state


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
        deadline=event.deadline,
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
            return _ended(replace(state, actions=state.actions + 1), frame, frame.raw, "continue")
        case TaskEnded():
            after = replace(state, data_bytes=state.data_bytes + size(event.output))
            if event.context is not msgspec.UNSET:
                after = replace(after, context=event.context)
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
