"""An executable: a program of this node with its parameters and their rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, assert_never

import msgspec

from actors.actor import Actor, Need, Rejected, Summary, Turn, Users
from actors.fault import Fault, reject
from actors.fields import take
from actors.jobs import ruled, using, valid
from messages import command, job
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


def needs(_said: Command, turn: Turn) -> Sequence[Need | Users]:
    """Know the commands and jobs that are made of it."""
    return using.users(turn, USED_BY)


def decide(state: State, said: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete it."""
    match said:
        case Save():
            return _save(state, said, turn)
        case Delete():
            is_there = using.may_delete(turn, state.generation, state.description, USED_BY)
            return [Deleted(generation=state.generation + 1)] if is_there else []
    assert_never(said)


def _save(state: State, said: Save, turn: Turn) -> Sequence[Event]:
    described = take(Description, said)
    if turn.me.id != slug(described.tag):
        detail = f"the executable {described.tag!r} has the id {slug(described.tag)}; save it under that"
        raise Rejected("wrong_id", detail, at="/tag", extra={"id": slug(described.tag)})
    saved = state.description
    if saved is not None and saved.tag != described.tag:
        detail = f"{saved.tag!r} has this id already; spell the name or the version otherwise"
        raise Rejected("already_exists", detail, at="/tag")
    if described == saved:
        return []
    reject(valid.of_executable(described))
    using.check_harmless(_spoilt(described, turn))
    return [take(Saved, described, generation=state.generation + 1)]


def _spoilt(described: Description, turn: Turn) -> list[tuple[str, str, Fault]]:
    """Return the commands and jobs that would not be valid with it, and why."""
    rules = ruled.schema(described)
    commands = {one.id: using.content(one, command.Content) for one in using.known(turn, "command")}
    spoilt = [
        ("command", id, fault) for id, one in commands.items() for fault in valid.of_command(one, rules)
    ]
    for user in using.known(turn, "job"):
        made = using.content(user, job.Content)
        faults = valid.of_job(made, commands[made.command], described)
        spoilt += [("job", user.id, fault) for fault in faults]
    return spoilt


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
    saved = state.description
    named = {"name": saved.name, "release": saved.release}
    return {**msgspec.to_builtins(saved), **named, "generation": state.generation}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="executable",
    commands=(Save, Delete),
    events=(Saved, Deleted),
    initial=State(),
    decide=decide,
    evolve=evolve,
    needs=needs,
    summary=summary,
    filters=frozenset({"tag", "path", "sha256"}),
    view=view,
)
