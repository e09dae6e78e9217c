"""A metadata term: what workflows may have under one name of their metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never, get_args

import msgspec

from actors.actor import Actor, ById, Known, Need, Rejected, Summary, Turn
from actors.fields import take
from messages.metadata_term import Command, Delete, Deleted, Description, Event, Save, Saved
from messages.subjects import is_token

SHOWN_MAX = 32
SHOWN_CHARACTERS_MAX = 256
"""How much of its metadata a listing finds a workflow by; what is longer, or nested, it does not."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved; nothing: anything goes."""

    description: Description | None = None
    was_saved: bool = False


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete; accepted values and the default are of the type."""
    match command:
        case Save():
            described = take(Description, command)
            for place, value in enumerate(described.accepted):
                _check(described.term_type, value, f"/accepted/{place}")
            if described.default is not None:
                check(turn.me.id, described, described.default, "/default")
            return [] if described == state.description else [take(Saved, described)]
        case Delete():
            if not state.was_saved:
                raise Rejected("not_found", f"there is no metadata term {turn.me.id}")
            return [] if state.description is None else [Deleted()]
    assert_never(command)


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(msgspec.convert(value, datetime))
    except msgspec.ValidationError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "instant": _is_instant,
}


def _check(type_: str, value: Any, at: str) -> None:
    if not TYPES[type_](value):
        raise Rejected("invalid_metadata", f"it is no {type_}", at=at)


def check(name: str, term: Description, value: Any, at: str) -> None:
    """Raise Rejected unless a value may stand under a term."""
    _check(term.term_type, value, at)
    if term.accepted and not any(_is_same(value, one) for one in term.accepted):
        told = ", ".join(map(str, term.accepted))
        raise Rejected("invalid_metadata", f"{name} may be {told}", at=at)


def _is_same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def needs(metadata: Mapping[str, Any]) -> Sequence[Need]:
    """Know the terms that metadata use."""
    return [ById("metadata_term", name) for name in metadata if is_token(name)]


def check_all(metadata: Mapping[str, Any], known: Mapping[Need, Known | None]) -> None:
    """Raise Rejected for the first value that its term does not accept; names without a term are free."""
    for name, value in metadata.items():
        found = known.get(ById("metadata_term", name))
        if found is not None:
            term = msgspec.convert(found.summary.fields, Description)
            check(name, term, value, f"/metadata/{name.replace('~', '~0').replace('/', '~1')}")


def shown(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata that a listing can be asked by."""
    short = [
        (name, value)
        for name, value in metadata.items()
        if isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= SHOWN_CHARACTERS_MAX)
    ]
    return {"metadata": dict(short[:SHOWN_MAX])} if short else {}


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(description=take(Description, event), was_saved=True)
        case Deleted():
            return State(was_saved=True)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Tell what a workflow is checked by."""
    saved = state.description
    if saved is None:
        return None
    fields = msgspec.to_builtins(saved)
    return Summary(name=saved.name, fields={**fields, "description": ""})


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    return None if state.description is None else msgspec.to_builtins(state.description)


ACTOR: Actor[State, Any, Any] = Actor(
    kind="metadata_term",
    commands=get_args(Command),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    summary=summary,
    filters=frozenset({"term_type"}),
    view=view,
)
