"""A grant: what a user or a group may do in one perimeter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never, get_args

import msgspec

from actors.actor import Actor, Rejected, Summary, Turn
from actors.fields import take
from actors.rights.group import is_holder
from actors.rights.perimeter import check_kind
from messages.grant import Command, Delete, Deleted, Description, Event, Save, Saved


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved; nothing: it gives nothing."""

    description: Description | None = None
    was_saved: bool = False


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and take back; whom and what it names exists."""
    match command:
        case Save():
            described = take(Description, command)
            if described == state.description:
                return []
            _check(described, turn)
            return [take(Saved, described)]
        case Delete():
            if not state.was_saved:
                raise Rejected("not_found", f"there is no grant {turn.me.id}")
            return [] if state.description is None else [Deleted()]
    assert_never(command)


def _check(described: Description, turn: Turn) -> None:
    if not is_holder(turn.rights, described.to):
        raise Rejected("unknown_holder", f"there is no {described.to.replace('/', ' ')}", at="/to")
    place = turn.rights.place(described.perimeter)
    if place is None:
        detail = f"{described.perimeter} is no perimeter; its name begins with {turn.node}"
        raise Rejected("unknown_perimeter", detail, at="/perimeter")
    if place.sort == "entity":
        check_kind(place.name.partition("/")[0], "/perimeter")
    if place.sort == "kind" and place.name != "node":
        try:
            check_kind(place.name, "/perimeter")
        except Rejected as no:
            if no.code == "unknown_kind":
                detail = f"{place.name} is neither a perimeter nor a kind"
                raise Rejected("unknown_perimeter", detail, at="/perimeter") from None


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(description=take(Description, event), was_saved=True)
        case Deleted():
            return State(was_saved=True)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Tell who may do what."""
    saved = state.description
    if saved is None:
        return None
    fields = {"to": saved.to, "perimeter": saved.perimeter, "actions": list(saved.actions)}
    return Summary(fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    return None if state.description is None else msgspec.to_builtins(state.description)


ACTOR: Actor[State, Any, Any] = Actor(
    kind="grant",
    commands=get_args(Command),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    summary=summary,
    filters=frozenset({"to", "perimeter"}),
    view=view,
)
