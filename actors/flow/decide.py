"""What a run makes of what is said to it: what was said, and all that follows without anybody's help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from actors.actor import Rejected, Turn
from actors.flow import simple
from actors.flow.errors import fault
from actors.flow.evolve import evolve
from actors.flow.state import Frame, State
from actors.flow.step import failure, next_event
from messages import run
from messages.base import Alarm
from messages.run import (
    Begun,
    Command,
    Entered,
    Event,
    Heard,
    Paced,
    Paused,
    Resumed,
    Returned,
    TaskCancelled,
    Valued,
    Woken,
)

STEPS_MAX = 500
"""How many events one message leads to; the rest follows in the next one."""
DUE, DEADLINE = "due", "deadline"
"""How the names of alarms begin; the frame follows."""


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Record what was said, and go on until all wait."""
    first = _first(state, command, turn)
    is_on = bool(first) or (isinstance(command, run.Go) and not state.is_over)
    return [*first, *_following(state, first, turn)] if is_on else []


def _following(state: State, first: Sequence[Event], turn: Turn) -> Iterator[Event]:
    chance = int(turn.message[:8] or "0", 16) / 2**32 if _is_hex(turn.message[:8]) else 0.5
    for event in first:
        state = evolve(state, event)
    for _ in range(STEPS_MAX):
        event_or_none = next_event(state, turn.at, chance)
        if event_or_none is None:
            return
        yield event_or_none
        state = evolve(state, event_or_none)
    yield Paced()


def _is_hex(text: str) -> bool:
    return bool(text) and all(letter in "0123456789abcdef" for letter in text)


def _first(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    if isinstance(command, run.Begin):
        return _begin(state, command, turn)
    if state.definition == "":
        raise Rejected("not_found", f"there is no run {turn.me.id}")
    match command:
        case run.Evaluated():
            return _evaluated(state, command, turn)
        case run.Answered() | run.Faulted():
            return _answered(state, command, turn)
        case run.Deliver():
            return _deliver(state, command)
        case run.Pause() | run.Resume() | run.Cancel():
            return _order(state, command, turn)
        case run.Go():
            return []
        case Alarm():
            return _ring(state, command, turn)
    assert_never(command)


def _order(state: State, command: run.Pause | run.Resume | run.Cancel, turn: Turn) -> Sequence[Event]:
    if isinstance(command, run.Cancel) and state.status == "cancelled":
        return []
    if state.is_over:
        raise Rejected("state_conflict", f"the run has ended: {state.status}")
    match command:
        case run.Pause():
            return [] if state.is_paused else [Paused(reason=command.reason)]
        case run.Resume():
            return [Resumed()] if state.is_paused else []
        case run.Cancel():
            return _cancel(state, command, turn)
    assert_never(command)


def _deliver(state: State, command: run.Deliver) -> Sequence[Event]:
    return [
        Heard(frame=frame.id, event=command.event)
        for frame in state.frames.values()
        if frame.is_listening and simple.wants(state.task(frame).body["listen"]["to"], command.event)
    ]


def _begin(state: State, command: run.Begin, turn: Turn) -> Sequence[Event]:
    if state.definition:
        if state.workflow == command.workflow and state.input == command.input:
            return []
        raise Rejected("already_exists", "there is such a run; take another id")
    begun = Begun(
        workflow=command.workflow,
        workflow_version=command.workflow_version,
        definition=command.definition,
        input=command.input,
        trigger=command.trigger,
        parent=command.parent,
        execution=command.execution,
        at=turn.at,
    )
    return [begun, Entered(frame=1, pointer="", parent=0, raw=command.input)]


def _evaluated(state: State, command: run.Evaluated, turn: Turn) -> Sequence[Event]:
    frame = state.frames.get(command.frame)
    if frame is None or not frame.is_asking or frame.asks != command.ask:
        return []  # it was given up meanwhile, or is answered already
    if command.problem is not None:
        return [failure(frame, command.problem, turn.at)]
    return [Valued(frame=frame.id, values=command.values)]


def _answered(state: State, command: run.Answered | run.Faulted, turn: Turn) -> Sequence[Event]:
    frame = state.frames.get(command.frame)
    if frame is None or not frame.is_calling or frame.calls != command.call:
        return []
    if isinstance(command, run.Faulted):
        return [failure(frame, command.problem, turn.at)]
    return [Returned(frame=frame.id, output=command.output)]


def _cancel(state: State, command: run.Cancel, turn: Turn) -> Sequence[Event]:
    root = state.frames[min(state.frames)]
    gone = [TaskCancelled(frame=one.id, pointer=one.pointer) for one in state.below(root)]
    return [*gone, run.Cancelled(reason=command.reason, at=turn.at)]


def _ring(state: State, alarm: Alarm, turn: Turn) -> Sequence[Event]:
    what, _, number = alarm.name.partition("-")
    frame = state.frames.get(int(number)) if number.isdigit() else None
    if frame is None:
        return []
    if what == DUE:
        return [Woken(frame=frame.id)]
    return _late(state, frame, turn)


def _late(state: State, frame: Frame, turn: Turn) -> Sequence[Event]:
    gone: list[Event] = [TaskCancelled(frame=one.id, pointer=one.pointer) for one in state.below(frame)]
    late = fault("timeout", frame.pointer, "it took longer than its timeout").problem
    return [*gone, failure(frame, late, turn.at)]
