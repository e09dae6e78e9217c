"""An executable: a program of this node with its parameters and their rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, assert_never

import msgspec

from actors import using
from actors.actor import Actor, Need, Rejected, Summary, Turn, Users
from actors.fields import take
from messages.executable import Command, Delete, Deleted, Description, Event, Save, Saved

ID_CHARACTERS = 64
DIGEST_CHARACTERS = 12
USED_BY = ("command", "job")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without a description it was never saved, or was deleted."""

    description: Description | None = None
    generation: int = 0


def slug(tag: str) -> str:
    """Return the id of the executable that has a tag."""
    plain = re.sub(r"[^a-z0-9_]+", "-", tag.lower()).strip("-")
    if plain and len(plain) <= ID_CHARACTERS:
        return plain
    digest = sha256(tag.encode()).hexdigest()[:DIGEST_CHARACTERS]
    return f"{plain[: ID_CHARACTERS - DIGEST_CHARACTERS - 1]}-{digest}".strip("-")


def needs(command: Command, turn: Turn) -> Sequence[Need | Users]:
    """Know the commands and jobs that are made of it."""
    return using.users(turn, USED_BY)


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete it."""
    match command:
        case Save():
            return _save(state, command, turn)
        case Delete():
            if state.generation == 0:
                raise Rejected("not_found", f"there is no executable {turn.me.id}")
            if state.description is None:
                return []
            using.check_unused(turn, USED_BY)
            return [Deleted(generation=state.generation + 1)]
    assert_never(command)


def _save(state: State, command: Save, turn: Turn) -> Sequence[Event]:
    described = take(Description, command)
    if turn.me.id != slug(described.tag):
        detail = f"the executable {described.tag!r} has the id {slug(described.tag)}; save it under that"
        raise Rejected("wrong_id", detail, at="/name", extra={"id": slug(described.tag)})
    saved = state.description
    if saved is not None and saved.tag != described.tag:
        detail = f"{saved.tag!r} has this id already; spell the name or the version otherwise"
        raise Rejected("already_exists", detail, at="/name")
    return [] if described == saved else [take(Saved, described, generation=state.generation + 1)]


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(description=take(Description, event), generation=event.generation)
        case Deleted():
            return State(generation=event.generation)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Show all of it: commands, jobs and runs decide on it."""
    saved = state.description
    if saved is None:
        return None
    fields = {**msgspec.to_builtins(saved), "generation": state.generation}
    return Summary(name=saved.tag, labels=fields.pop("labels"), fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    if state.description is None:
        return None
    shown = msgspec.to_builtins(state.description)
    return {**shown, "tag": state.description.tag, "generation": state.generation}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="executable",
    commands=(Save, Delete),
    events=(Saved, Deleted),
    initial=State(),
    decide=decide,
    evolve=evolve,
    needs=needs,
    summary=summary,
    filters=frozenset({"version", "path", "sha256"}),
    view=view,
)
