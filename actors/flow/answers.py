"""What a run makes of the answers of its workers, and of none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from actors.actor import Rejected, Turn
from actors.flow.calling import is_once
from actors.flow.state import Frame, State
from actors.flow.step import failure
from messages import run
from messages.run_events import Event
from messages.task_events import Returned, Settled, Unsettled, Valued


def heard(
    state: State, command: run.Evaluated | run.Answered | run.Faulted | run.Lost | run.Settle, turn: Turn
) -> Sequence[Event]:
    """Take what a worker, or a person in its place, says."""
    match command:
        case run.Evaluated():
            return _evaluated(state, command, turn)
        case run.Answered() | run.Faulted():
            return _answered(state, command, turn)
        case run.Lost():
            frame = _calling(state, command.frame, command.call)
            return [] if frame is None else unsettled(state, frame, turn)
        case run.Settle():
            return _settle(state, command, turn)
    assert_never(command)


def _evaluated(state: State, command: run.Evaluated, turn: Turn) -> Sequence[Event]:
    """Take the values of expressions; those that are not waited for any more change nothing."""
    frame = state.frames.get(command.frame)
    if frame is None or not frame.is_asking or frame.asks != command.ask:
        return []  # it was given up meanwhile, or is answered already
    if command.problem is not None:
        return [failure(frame, command.problem, turn.at)]
    return [Valued(frame=frame.id, values=command.values)]


def _answered(state: State, command: run.Answered | run.Faulted, turn: Turn) -> Sequence[Event]:
    """Take what came of a call; one that is not waited for any more changes nothing."""
    frame = _calling(state, command.frame, command.call)
    if frame is None:
        return []
    if isinstance(command, run.Faulted):
        return [failure(frame, command.problem, turn.at)]
    return [Returned(frame=frame.id, output=command.output)]


def unsettled(state: State, frame: Frame, turn: Turn) -> Sequence[Event]:
    """Have somebody say what became of a call, where it must not be made twice."""
    if frame.is_unsettled or not is_once(state.task(frame).body):
        return []
    return [Unsettled(frame=frame.id, pointer=frame.pointer, at=turn.at)]


def _settle(state: State, command: run.Settle, turn: Turn) -> Sequence[Event]:
    """Take from a person what became of a call."""
    frame = state.frames.get(command.frame)
    if frame is None or not frame.is_unsettled:
        raise Rejected("state_conflict", f"nobody has to say what became of the task {command.frame}")
    settled = Settled(frame=frame.id, by=turn.sender)
    if command.problem is not None:
        return [settled, failure(frame, command.problem, turn.at)]
    return [settled, Returned(frame=frame.id, output=command.output)]


def _calling(state: State, id: int, call: int) -> Frame | None:
    frame = state.frames.get(id)
    return frame if frame is not None and frame.is_calling and frame.calls == call else None
