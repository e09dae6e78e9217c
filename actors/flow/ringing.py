"""The instants that a run waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from actors.actor import Turn
from actors.flow.answers import unsettled
from actors.flow.calling import is_once
from actors.flow.errors import fault
from actors.flow.state import Frame, State
from actors.flow.step import failure
from messages.base import Alarm
from messages.run_events import Event
from messages.task_events import TaskCancelled, Woken

DUE, DEADLINE, ANSWER = "due", "deadline", "answer"
"""How the names of alarms begin; the frame follows."""


def alarms(state: State) -> Mapping[str, datetime]:
    """Wake tasks that wait, end those that take too long, and wait for no answer for ever."""
    if state.is_over:
        return {}
    wanted = {}
    for frame in state.frames.values():
        for what, at in _instants(frame).items():
            if at is not None:
                wanted[f"{what}-{frame.id}"] = at
    return wanted


def _instants(frame: Frame) -> dict[str, datetime | None]:
    is_waited_for = frame.is_calling and not frame.is_unsettled
    answer = frame.answer_by if is_waited_for else None
    return {DUE: frame.due, DEADLINE: frame.deadline, ANSWER: answer}


def ring(state: State, alarm: Alarm, turn: Turn) -> Sequence[Event]:
    """Do what an instant was waited for; one that is not wanted any more changes nothing."""
    what, _, number = alarm.name.partition("-")
    frame = state.frames.get(int(number)) if number.isdigit() else None
    wanted = None if frame is None else _instants(frame).get(what)
    if frame is None or wanted is None or alarm.due < wanted:
        return []
    if what == DUE:
        return [Woken(frame=frame.id)]
    if what == ANSWER and is_once(state.task(frame).body):
        return unsettled(state, frame, turn)
    return _late(state, frame, turn, "nobody has answered" if what == ANSWER else "it took too long")


def _late(state: State, frame: Frame, turn: Turn, why: str) -> Sequence[Event]:
    """Fail a task and give up all below it; the attempt of a try is told as the try's."""
    gone: list[Event] = [TaskCancelled(frame=one.id, pointer=one.pointer) for one in state.below(frame)]
    pointer = frame.pointer.removesuffix("/try") if state.task(frame).name == "" else frame.pointer
    return [*gone, failure(frame, fault("timeout", pointer, why).problem, turn.at)]
