"""What was said to a run, as far as its own events tell: so that it can be decided again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from actors.fields import take
from actors.flow.rewind import rewound
from actors.flow.ringing import alarms
from actors.flow.state import State
from messages import run
from messages.base import Alarm, Command, encode
from messages.envelope import ALARM
from messages.run_events import Begun, Cancelled, Cancelling, Paused, Restarted, Resumed, Rewinding, Unmoved
from messages.task_events import Heard, Returned, Settled, TaskFailed, Unsettled, Valued


def commands(
    before: tuple[State, Sequence[Any]], events: Sequence[Any], sender: str, at: datetime
) -> Iterator[Command]:
    """Yield what may have led to the events, given what was before them; nothing: they do not tell."""
    state, past = before
    if sender == ALARM:
        due = sorted((due, name) for name, due in alarms(state).items() if due <= at)
        yield from (Alarm(name=name, due=due) for due, name in due)
        return
    found = _order(state, events) or _memory(state, past, events[0]) or _answer(state, events)
    if found is not None:
        yield found


def _order(state: State, events: Sequence[Any]) -> Command | None:
    """Return what somebody has ordered."""
    match events[0]:
        case Begun():
            return take(run.Begin, events[0])
        case Paused(reason=reason):
            return run.Pause(reason=reason)
        case Resumed():
            return run.Resume()
        case Cancelling(reason=reason):
            return run.Cancel(reason=reason)
        case Rewinding() | Restarted(start="start"):
            return take(run.Retry, events[0])
        case Heard(event=event):
            return run.Deliver(event=event)
    last = events[-1]
    if isinstance(last, Cancelled) and not state.is_cancelling:
        return run.Terminate(reason=last.reason)
    return None


def _memory(state: State, past: Sequence[Any], event: Any) -> Command | None:
    """Return what the node has told a run of its own past."""
    if state.returning is None or not isinstance(event, Restarted | Unmoved):
        return None
    version, start = state.returning.version, state.returning.start
    told = rewound(run.Rewind(run=state.id or "run", version=version, start=start), past[:version])
    return msgspec.json.decode(encode(told), type=run.Rewound)


def _answer(state: State, events: Sequence[Any]) -> Command | None:
    """Return what the evaluator, a worker, or a person in its place has answered."""
    first = events[0]
    frame = state.frames.get(getattr(first, "frame", 0))
    if frame is None:
        return None
    match first:
        case Valued() if frame.is_asking:
            return run.Evaluated(frame=frame.id, ask=frame.asks, values=first.values)
        case TaskFailed() if frame.is_asking:
            return run.Evaluated(frame=frame.id, ask=frame.asks, problem=first.problem)
        case Returned() if frame.is_calling:
            return run.Answered(frame=frame.id, call=frame.calls, output=first.output)
        case TaskFailed() if frame.is_calling:
            return run.Faulted(frame=frame.id, call=frame.calls, problem=first.problem)
        case Unsettled():
            return run.Lost(frame=frame.id, call=frame.calls)
        case Settled():
            output, problem = getattr(events[1], "output", None), getattr(events[1], "problem", None)
            return run.Settle(frame=frame.id, output=output, problem=problem)
    return None
