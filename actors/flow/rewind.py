"""What a run was at an earlier event of its own history, so that it can go on from there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import msgspec

from actors.flow.evolve import evolve
from actors.flow.program import SEQUENCE
from actors.flow.state import State
from actors.flow.telling import reached
from messages import run
from messages.problem import Problem
from messages.run_events import Begun, Cancelled, Cancelling, Event, Failed, Restarted
from messages.task_events import Caught, Entered, Retried, TaskCancelled, TaskFailed, TaskStarted

FAILED = "failed"


def rewound(ask: run.Rewind, events: Sequence[Event]) -> run.Rewound:
    """Answer with what the run was, given its events from the first one to the version of the ask."""
    found = _before_failure(events) if ask.start == FAILED else _at(ask.start, events)
    if found is None:
        why = f"the run has never come to {ask.start}, or not since it began anew"
        return run.Rewound(version=ask.version, problem=Problem(type="not_found", status=404, detail=why))
    frames = [msgspec.to_builtins(frame, str_keys=True) for frame in found.frames.values()]
    return run.Rewound(version=ask.version, frames=frames, context=found.context)


def _at(pointer: str, events: Sequence[Event]) -> State | None:
    """Return the state when an action was come to for the last time."""
    for place in range(len(events) - 1, -1, -1):
        event = events[place]
        entered = reached(event) if isinstance(event, TaskStarted) else event
        if isinstance(entered, Entered) and entered.pointer == pointer:
            return _replayed([*events[:place], entered])
        if isinstance(event, Begun) or (isinstance(event, Restarted) and not event.frames):
            return None
    return None


def _before_failure(events: Sequence[Event]) -> State | None:
    """Return the state before that had happened which made it end."""
    state, cut = State(), 0
    origins: dict[int, int] = {}  # of each task that has to deal with a failure: the place of its beginning
    for place, event in enumerate(events):
        match event:
            case TaskFailed():
                holder = _holder(state, event.frame)
                origins[holder] = origins.pop(event.frame, _beginning(events, place))
            case Caught() | Retried():
                origins.pop(event.frame, None)
            case Failed():
                root = min(state.frames)
                cut = origins.get(root, _beginning(events, place))
            case Cancelling():
                cut = place
            case Cancelled() if not state.is_cancelling:
                cut = _beginning(events, place)
        state = evolve(state, event)
    return _replayed(events[:cut]) if cut else None


def _holder(state: State, id: int) -> int:
    """Return the frame that has to deal with the failure of another one: lists have no say in it."""
    frame = state.frames[state.frames[id].parent]
    while state.task(frame).kind == SEQUENCE:
        frame = state.frames[frame.parent]
    return frame.id


def _beginning(events: Sequence[Event], place: int) -> int:
    """Return the place of the first of the cancelled tasks that a failure has taken with it."""
    while isinstance(events[place - 1], TaskCancelled):
        place -= 1
    return place


def _replayed(events: Sequence[Event]) -> State:
    return reduce(evolve, events, State())
