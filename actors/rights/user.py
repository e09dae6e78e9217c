"""A user: a person or a machine, known by a public key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, assert_never, get_args

import msgspec

from actors.actor import Actor, Rejected, Summary, Turn
from actors.fields import take
from messages.user import Command, Delete, Deleted, Description, Event, Save, Saved

_PREFIX_BITS = 20 << 3
"""How the 35 bytes of a user nkey begin; 32 of the key follow, and two of a checksum."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved; a user that was deleted never comes back."""

    description: Description | None = None
    is_deleted: bool = False


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete; a key belongs to one user."""
    match command:
        case Save():
            if state.is_deleted:
                raise Rejected("deleted", "the user was deleted; take another id")
            _check_key(command.public_key, turn)
            described = take(Description, command)
            return [] if described == state.description else [take(Saved, described)]
        case Delete():
            if state.description is None and not state.is_deleted:
                raise Rejected("not_found", f"there is no user {turn.me.id}")
            return [] if state.is_deleted else [Deleted()]
    assert_never(command)


def _check_key(key: str, turn: Turn) -> None:
    raw = base64.b32decode(key, casefold=False)
    if raw[0] != _PREFIX_BITS or binascii.crc_hqx(raw[:-2], 0).to_bytes(2, "little") != raw[-2:]:
        detail = "the key is not whole: it is the line that covey user add, or nk -pubout, has printed"
        raise Rejected("invalid_key", detail, at="/public_key")
    other = turn.rights.keys.get(key, turn.me.id)
    if other != turn.me.id:
        raise Rejected("already_exists", f"the user {other} has this key; make another", at="/public_key")


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(description=take(Description, event))
        case Deleted():
            return State(is_deleted=True)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Tell what its messages are judged by."""
    saved = state.description
    if saved is None:
        return None
    fields = {"public_key": saved.public_key, "user_type": saved.user_type, "active": saved.active}
    return Summary(status="active" if saved.active else "inactive", fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    return None if state.description is None else msgspec.to_builtins(state.description)


ACTOR: Actor[State, Any, Any] = Actor(
    kind="user",
    commands=get_args(Command),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    summary=summary,
    filters=frozenset({"public_key", "user_type", "active"}),
    view=view,
)
