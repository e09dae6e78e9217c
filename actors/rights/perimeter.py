"""A perimeter: entities, and further perimeters, that rights are given over as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, assert_never, get_args

import msgspec

from actors.actor import Actor, Rejected, Summary, Turn
from actors.fields import take
from actors.rights.rights import DEPTH_MAX, Rights
from messages.perimeter import Command, Delete, Deleted, Description, Event, Save, Saved


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved; a perimeter that was deleted never comes back."""

    description: Description | None = None
    is_deleted: bool = False


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete; where it is, it stays."""
    match command:
        case Save():
            if state.is_deleted:
                raise Rejected("deleted", "the perimeter was deleted; take another id")
            described = take(Description, command)
            if described == state.description:
                return []
            _check(state, described, turn)
            return [take(Saved, described)]
        case Delete():
            if state.description is None and not state.is_deleted:
                raise Rejected("not_found", f"there is no perimeter {turn.me.id}")
            for user in _users(turn.rights, turn.me.id):
                raise Rejected("in_use", f"{user} is about it, or in it; delete that first")
            return [] if state.is_deleted else [Deleted()]
    assert_never(command)


def _check(state: State, described: Description, turn: Turn) -> None:
    id, rights = turn.me.id, turn.rights
    if state.description is None and id in known_kinds():
        raise Rejected("already_exists", f"{id} is a kind, with a perimeter of its own; take another id")
    if state.description is not None and state.description.within != described.within:
        detail = "rights name a perimeter by where it is, so it stays there; make another"
        raise Rejected("perimeter_fixed", detail, at="/within")
    if described.within and described.within not in rights.perimeters:
        raise Rejected("unknown_perimeter", f"there is no perimeter {described.within}", at="/within")
    if len([*rights.around(described.within)]) >= DEPTH_MAX - 1:
        raise Rejected("too_deep", f"perimeters are nested at most {DEPTH_MAX} deep", at="/within")
    for place, member in enumerate(described.members):
        check_kind(member.partition("/")[0], f"/members/{place}")


def _users(rights: Rights, id: str) -> Iterator[str]:
    """Yield what would be without its perimeter."""
    yield from (f"the perimeter {one}" for one, other in rights.perimeters.items() if other["within"] == id)
    path = rights.path(id)
    yield from (f"the grant {one}" for one, grant in rights.grants.items() if grant["perimeter"] == path)


def known_kinds() -> dict[str, bool]:
    """Return the kinds, and of each whether an id of it can come to mean another entity."""
    from actors import ACTORS  # noqa: PLC0415  the registry has us in it

    return {actor.kind: actor.ids_return for actor in ACTORS}


def check_kind(kind: str, at: str) -> None:
    """Raise Rejected unless rights can be given over single entities of a kind."""
    returns = known_kinds().get(kind)
    if returns is None:
        raise Rejected("unknown_kind", f"there is no kind {kind}", at=at)
    if returns:
        detail = f"an id of a {kind} can come to mean another one; give rights over all of the kind"
        raise Rejected("invalid_perimeter", detail, at=at)


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(description=take(Description, event))
        case Deleted():
            return State(is_deleted=True)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Tell where it is, and what it holds."""
    saved = state.description
    if saved is None:
        return None
    return Summary(parent=saved.within, fields={"within": saved.within, "members": list(saved.members)})


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    return None if state.description is None else msgspec.to_builtins(state.description)


ACTOR: Actor[State, Any, Any] = Actor(
    kind="perimeter",
    commands=get_args(Command),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    summary=summary,
    filters=frozenset({"within"}),
    view=view,
)
