"""What a run may use of everything; who passes a bound ends, and no ``catch`` helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from actors.flow.state import State
from messages.run_events import Event
from messages.task_events import (
    Called,
    Emitted,
    Heard,
    Iterated,
    Logged,
    Retried,
    Returned,
    TaskEnded,
    TaskSkipped,
    TaskStarted,
    Valued,
)

ACTIONS_MAX = 10_000
ROUNDS_MAX = 10_000
"""How many rounds all loops and all retries of a run may make together."""
DEPTH_MAX = 64
LOG_BYTES_MAX = 1 << 20
DATA_BYTES_MAX = 192 * 1024
"""What one task may bring along: less than a message may have."""
TOTAL_BYTES_MAX = 64 << 20
"""What all tasks of a run may put out together."""
HEARD_MAX = 1_000
"""How many events one task may gather."""
ASKS_MAX = 3_000
"""How often one task may ask for values."""


def size(data: Any) -> int:
    """Return how many bytes data have as JSON."""
    return len(msgspec.json.encode(data))


def passed(state: State, event: Event) -> str:
    """Return which bound an event would pass; nothing when it passes none."""
    check = _CHECKS.get(type(event))  # asked of every event, so by its type and not case by case
    return check(state, event) if check is not None else ""


def _rounds(state: State, _event: Iterated | Retried) -> str:
    over = state.rounds >= ROUNDS_MAX
    return f"the loops and retries of a run have at most {ROUNDS_MAX} rounds" if over else ""


def _logged(state: State, event: Logged) -> str:
    over = state.log_bytes + len(event.message.encode()) > LOG_BYTES_MAX
    return f"a run logs at most {LOG_BYTES_MAX} bytes" if over else ""


def _started(state: State, event: TaskStarted | TaskSkipped) -> str:
    if state.actions >= ACTIONS_MAX:
        return f"a run has at most {ACTIONS_MAX} actions"
    if state.depth(state.frames[event.frame]) > DEPTH_MAX:
        return f"tasks are at most {DEPTH_MAX} deep"
    return _large(event.input) if isinstance(event, TaskStarted) else ""


def _heard(state: State, event: Heard) -> str:
    frame = state.frames[event.frame]
    if len(frame.heard) >= HEARD_MAX:
        return f"a task gathers at most {HEARD_MAX} events"
    return _large((*frame.heard, event.event))


def _ended(state: State, event: TaskEnded) -> str:
    total = state.data_bytes + size(event.output)
    if total > TOTAL_BYTES_MAX:
        return f"the tasks of a run put out at most {TOTAL_BYTES_MAX} bytes together"
    return _large(event.output) or _large(event.context)


def _large(data: Any) -> str:
    if data is None or data is msgspec.UNSET or size(data) <= DATA_BYTES_MAX:
        return ""
    return f"the data of a task have at most {DATA_BYTES_MAX} bytes"


_CHECKS: dict[type[Any], Callable[[State, Any], str]] = {
    TaskStarted: _started,
    TaskSkipped: _started,
    Iterated: _rounds,
    Retried: _rounds,
    Logged: _logged,
    Heard: _heard,
    TaskEnded: _ended,
    Returned: lambda _state, event: _large(event.output),
    Valued: lambda _state, event: _large(event.values),
    Called: lambda _state, event: _large(event.arguments),
    Emitted: lambda _state, event: _large(event.event),
}
