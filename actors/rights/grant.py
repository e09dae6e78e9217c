"""A grant: what a user or a group may do in one perimeter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, assert_never, get_args

import msgspec

from actors.actor import Actor, Rejected, Summary, Turn
from actors.fields import take
from actors.rights.group import is_holder
from actors.rights.perimeter import check_kind
from actors.rights.rights import ADMIN, READ
from messages.base import tag
from messages.grant import Command, Delete, Deleted, Description, Event, Save, Saved

NODE_ACTIONS = frozenset({"invite", "accept", "retry", "discard", "explain"})
"""What may be asked of the node itself that is more than to read."""


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
    _check_actions(described.actions)
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


@cache
def actions() -> Mapping[str, frozenset[str]]:
    """Return the actions that can be given, by kind; under no kind: all of them."""
    from actors import ACTORS  # noqa: PLC0415  the registry has us in it

    always = {READ, ADMIN}
    by_kind = {
        actor.kind: frozenset(
            {tag(one).partition(".")[2] for one in actor.commands} - actor.internal | always
        )
        for actor in ACTORS
    }
    by_kind["node"] = NODE_ACTIONS | always
    return by_kind | {"": frozenset().union(*by_kind.values())}


def _check_actions(said: Sequence[str]) -> None:
    """Refuse what nobody can do: it would give nothing, in silence."""
    for place, action in enumerate(said):
        kind, _, verb = action.rpartition(".")
        known = actions().get(kind)
        if known is None:
            raise Rejected("unknown_action", f"there is no kind {kind}", at=f"/actions/{place}")
        if verb not in known:
            close = get_close_matches(verb, sorted(known), n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
            told = f"{kind} has no action {verb}" if kind else f"there is no action {verb}"
            raise Rejected("unknown_action", f"{told}; {hint}", at=f"/actions/{place}")


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
