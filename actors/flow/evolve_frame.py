"""What each event makes of the task that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.flow.state import Frame
from messages.task_events import (
    Asked,
    Called,
    Caught,
    Emitted,
    Heard,
    Iterated,
    Listening,
    Logged,
    Retried,
    Returned,
    Settled,
    TaskEvent,
    TaskStarted,
    Unheard,
    Unsettled,
    Valued,
    Waiting,
    Woken,
)


def changed(frame: Frame, event: TaskEvent) -> Frame:
    """Return the task after the event."""
    changes = _worked(frame, event) or _heard(frame, event) or _tried(frame, event)
    return replace(frame, **changes)


def _worked(frame: Frame, event: TaskEvent) -> dict[str, Any]:
    match event:
        case TaskStarted():
            return {
                "is_started": True,
                "input": event.input,
                "last": event.input,
                "started_at": event.at,
                "deadline": event.deadline,
            }
        case Asked():
            return {"is_asking": True, "asks": frame.asks + 1}
        case Valued():
            return {"is_asking": False, "values": {**frame.values, **event.values}}
        case Called() if event.is_awaited:
            return {"is_calling": True, "calls": event.attempt, "answer_by": event.until}
        case Called():
            return {"has_result": True, "result": frame.input, "calls": event.attempt}
        case Returned():
            return {"has_result": True, "result": event.output, "then": event.then, "is_calling": False}
        case Unsettled() | Settled():
            return {"is_unsettled": isinstance(event, Unsettled)}
    return {}


def _heard(frame: Frame, event: TaskEvent) -> dict[str, Any]:
    match event:
        case Waiting():
            return {"due": event.until}
        case Woken():
            return {"due": None, "is_woken": True}
        case Listening():
            return {"is_listening": True}
        case Heard():
            return {"is_listening": False, "heard": (*frame.heard, event.event)}
        case Unheard():
            heard = frame.heard[: event.place] + frame.heard[event.place + 1 :]
            return {"heard": heard, "values": _without(frame.values, event.place)}
        case Emitted():
            return {"has_result": True, "result": event.event}
        case Logged():
            return {"has_result": True, "result": frame.input}
    return {}


def _without(values: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Forget what was evaluated for one of the events that came: the next one takes its place."""
    slots = f"heard{place}.", f"until{place}."
    return {name: value for name, value in values.items() if not name.startswith(slots)}


def _tried(frame: Frame, event: TaskEvent) -> dict[str, Any]:
    match event:
        case Iterated():
            values = {name: value for name, value in frame.values.items() if not name.startswith("while")}
            return {"index": event.index, "variables": event.variables, "values": values}
        case Retried():
            return {"problem": None, "due": event.until, "index": event.attempt, "place": 0, "values": {}}
        case Caught():
            variables = {**frame.variables, event.name: msgspec.to_builtins(event.problem)}
            return {"problem": None, "caught": event.problem, "variables": variables}
    return {}
