"""What a task names that is done in another's stead: a workflow, a job, a routine, a compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from actors.flow.state import State
from messages.envelope import NOBODY
from messages.run import GIVERS_MAX
from messages.task_events import Called

ARGUMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "job": ("job", "job"),
    "routine": ("routine", "routine"),
    "book": ("booking", "resource"),
}
"""Of a call, the kind that it names and the argument that says which."""


class Named(NamedTuple):
    """What a task names, as it is written."""

    kind: str
    name: str
    """Empty: it is not written."""
    at: str
    """Where, below the task."""


def named(body: Mapping[str, Any]) -> Named | None:
    """Return what a task names, or None where it names nothing of this sort."""
    said = body.get("run")
    if isinstance(said, Mapping) and "workflow" in said:
        return Named("workflow", _text(said["workflow"], "name"), "/run/workflow/name")
    kind, argument = ARGUMENTS.get(str(body.get("call")), ("", ""))
    if not kind:
        return None
    return Named(kind, _text(body.get("with"), argument), f"/with/{argument}")


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def behalf(state: State, event: Called) -> tuple[str, ...]:
    """Return in whose names a task is done: a name that is computed may be the choice of any giver."""
    if not state.author:
        return ()  # it was begun when runs were the node's
    what = named(state.program[event.pointer].body)
    argument = "name" if what is None else what.at.rpartition("/")[2]
    is_written = what is not None and what.name == event.arguments.get(argument)
    return (state.author,) if is_written else givers(state)


def givers(state: State) -> tuple[str, ...]:
    """Return who has had a say in what a run works on, its saver first; too many: nobody is believed."""
    if not state.author:
        return ()
    begun_by = (state.by,) if state.by else ()
    found = tuple(dict.fromkeys((state.author, *begun_by, *state.given_by)))
    return found if len(found) <= GIVERS_MAX else (NOBODY,)
