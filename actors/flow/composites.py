"""The tasks that have tasks in them: lists, do, for, fork, and the whole; try has a file of its own."""

from __future__ import annotations

from collections.abc import Callable

from actors.flow.errors import Fault, fault
from actors.flow.moment import Moment
from actors.flow.program import SEQUENCE, WORKFLOW
from actors.flow.state import Frame, State
from actors.flow.trying import try_
from messages.task_events import Iterated, TaskCancelled, TaskEnded, TaskEvent


def waits(state: State, frame: Frame) -> bool:
    """Say whether a frame waits for the tasks below it."""
    if not frame.children or frame.problem is not None:
        return False
    task = state.task(frame)
    if task.kind != "fork" or not frame.is_started:
        return True
    is_decided = bool(task.body["fork"].get("compete")) and bool(frame.outputs)
    return frame.place == len(_branches(state, frame)) and not is_decided


def sequence(now: Moment) -> TaskEvent:
    """Begin the next task of a list."""
    frame, steps = now.frame, now.task.steps
    if frame.place < len(steps):
        return now.enter(steps[frame.place], frame.last)
    return TaskEnded(frame=frame.id, pointer=frame.pointer, output=frame.last, at=now.at)


def whole(now: Moment) -> TaskEvent:
    """Begin the tasks of the definition."""
    return now.enter("/do", now.frame.input)


def do(now: Moment) -> TaskEvent:
    """Do the tasks of a list one after the other."""
    return now.enter(f"{now.frame.pointer}/do", now.frame.input)


def for_(now: Moment) -> TaskEvent:
    """Do the tasks of a list once for each item; what a round puts out is the input of the next."""
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
    return Iterated(frame=frame.id, index=round_, variables=names)


def fork(now: Moment) -> TaskEvent:
    """Do all branches side by side; where they compete, the first to end is the result."""
    frame, state = now.frame, now.state
    is_decided = bool(now.task.body["fork"].get("compete")) and bool(frame.outputs)
    if frame.children and (is_decided or frame.problem is not None):
        child = state.below(frame)[0]
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


BODIES: dict[str, Callable[[Moment], TaskEvent]] = {
    SEQUENCE: sequence,
    WORKFLOW: whole,
    "do": do,
    "for": for_,
    "fork": fork,
    "try": try_,
}
