"""A resource: what a workflow reads, runs, keeps and computes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, ById, Effect, Order, Rejected, Summary, Turn
from actors.ephemeral import thawing
from actors.fields import take
from actors.sharing import sharing
from messages.booking import Close, Open
from messages.envelope import Address
from messages.resource import (
    Announce,
    Announced,
    Command,
    Delete,
    Deleted,
    Description,
    Event,
    Save,
    Saved,
    Thaw,
    Thawing,
)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without a description it was never saved, or was deleted."""

    description: Description | None = None
    generation: int = 0
    thawing: Thawing | None = None
    """The workflow that was begun last to unfreeze the repository."""


def points_at(state: State, command: Command) -> Sequence[ById]:
    """Know the tier of the repository, and how far the workflow is that was begun for it."""
    if not isinstance(command, Thaw) or state.description is None:
        return []
    return thawing.needs(state.description, state.thawing)


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write, thaw and delete; a deleted id stays so."""
    match command:
        case Save():
            return _save(state, command)
        case Delete():
            if state.generation == 0:
                raise Rejected("not_found", f"there is no resource {turn.me.id}")
            if state.description is None:
                return []
            return [_deleted(state.description, state.generation + 1)]
        case Thaw():
            if state.description is None:
                raise Rejected("not_found", f"there is no resource {turn.me.id}")
            return thawing.decide(state.description, state.thawing, command, turn)
        case Announce():
            return [Announced(peer=command.peer)] if state.generation else []
    assert_never(command)


def _save(state: State, command: Save) -> Sequence[Event]:
    if state.generation and state.description is None:
        raise Rejected("deleted", "the resource was deleted; take another id")
    saved = state.description
    if saved is not None and saved.resource_type != command.resource_type:
        raise Rejected("type_changed", f"it is a {saved.resource_type}; take another id", at="/type")
    if command.resource_type == "compute" and command.capacity is None:
        raise Rejected("invalid_resource", "a compute needs a capacity of at least 1", at="/capacity")
    if command.resource_type != "compute" and command.capacity is not None:
        raise Rejected("invalid_resource", "only a compute has a capacity; leave it out", at="/capacity")
    if command.resource_type != "compute" and command.availability is not None:
        raise Rejected("invalid_resource", "only a compute has windows; leave them out", at="/availability")
    if command.resource_type != "data" and command.repo:
        raise Rejected("invalid_resource", "only data are in a repository; leave it out", at="/repo")
    described = take(Description, command)
    if described == saved:
        return []
    was_public = saved is not None and saved.public
    return [take(Saved, described, generation=state.generation + 1, was_public=was_public)]


def _deleted(saved: Description, generation: int) -> Deleted:
    was_compute = saved.resource_type == "compute"
    return Deleted(generation=generation, was_public=saved.public, was_compute=was_compute)


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            is_there = state.description is not None and state.description.repo == event.repo
            return State(
                description=take(Description, event),
                generation=event.generation,
                thawing=state.thawing if is_there else None,
            )
        case Deleted():
            return State(generation=event.generation)
        case Thawing():
            return replace(state, thawing=event)
        case Announced():
            return state
    assert_never(event)


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Keep the book of slots of a compute open, and the catalogues of the peers up to date."""
    match event:
        case Saved():
            is_of_interest = event.public or event.was_public
            return [*_open(event, turn), *_tell(state, turn, turn.peers if is_of_interest else ())]
        case Deleted():
            return [*_close(event, turn), *_tell(state, turn, turn.peers if event.was_public else ())]
        case Thawing():
            assert state.description is not None  # there is something to thaw
            return thawing.react(state.description, event, turn)
        case Announced():
            return _tell(state, turn, [event.peer])
    assert_never(event)


def _close(event: Deleted, turn: Turn) -> list[Order]:
    close = Order(Address("booking", turn.me.id), Close(generation=event.generation))
    return [close] if event.was_compute else []


def _open(event: Saved, turn: Turn) -> list[Order]:
    if event.capacity is None:
        return []
    command = Open(
        generation=event.generation,
        capacity=event.capacity,
        availability=event.availability,
        public=event.public,
    )
    return [Order(Address("booking", turn.me.id), command)]


def _tell(state: State, turn: Turn, peers: Iterable[str]) -> list[Order]:
    if not peers:
        return []
    saved = state.description
    owned = sharing.Owned(
        address=turn.me,
        node=turn.node,
        name="" if saved is None else saved.name,
        generation=state.generation,
        revision=0,
        body={} if saved is None else msgspec.to_builtins(saved),
    )
    is_public = saved is not None and saved.public
    return sharing.puts(owned, dict.fromkeys(turn.peers if is_public else (), sharing.READ), sorted(peers))


def summary(state: State) -> Summary | None:
    """Show the type and what may be filtered on, the same for a copy of it at a peer."""
    saved = state.description
    if saved is None:
        return None
    return Summary(
        name=saved.name,
        labels=saved.labels,
        fields={
            "type": saved.resource_type,
            "attributes": saved.attributes,
            "public": saved.public,
            "repo": saved.repo,
        },
    )


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    if state.description is None:
        return None
    waited_for = "" if state.thawing is None else state.thawing.workflow
    return {
        **msgspec.to_builtins(state.description),
        "generation": state.generation,
        "thawing": waited_for,
    }


def copies(state: State, _peer: str, _node: str) -> tuple[int, int] | None:
    """Return what every peer should hold of what is public."""
    is_public = state.description is not None and state.description.public
    return (state.generation, 0) if is_public else None


ACTOR: Actor[State, Any, Any] = Actor(
    kind="resource",
    commands=(Save, Delete, Thaw, Announce),
    events=(Saved, Deleted, Thawing, Announced),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    points_at=points_at,
    summary=summary,
    filters=frozenset({"type", "attributes", "public", "repo"}),
    view=view,
    copies=copies,
    internal=frozenset({"announce"}),
)
