"""What belongs to an environment: variables, secrets as they were sealed, connections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, assert_never
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from actors.actor import Rejected
from actors.fields import take
from messages.environment import (
    Connection,
    ConnectionRemoved,
    ConnectionSet,
    Created,
    Filled,
    RemoveConnection,
    RemoveSecret,
    RemoveVariable,
    SecretRemoved,
    SecretSet,
    SetConnection,
    SetSecret,
    SetVariable,
    VariableRemoved,
    VariableSet,
)

ENTRIES_MAX = 200
"""How many variables an environment has, how many secrets, how many connections."""
VALUE_BYTES_MAX = 16 * 1024
BYTES_MAX = 200 * 1024
"""How large all of it may be: it is told in one message."""
SCHEMES = {
    "database": ("sqlite", "postgresql", "postgres"),
    "smtp": ("smtp", "smtps", "smtp+starttls"),
    "slack": ("https", "http"),
    "http": ("https", "http"),
}
PLACE = re.compile(r"\{([A-Za-z0-9_-]{1,64})\}")
"""Where a secret is put into the address of a connection."""
_SEALED = re.compile(r"sealed:v1:[0-9a-f]{8}:[A-Za-z0-9_-]{64,}={0,2}")

Command: TypeAlias = (
    SetVariable | RemoveVariable | SetSecret | RemoveSecret | SetConnection | RemoveConnection
)
Event: TypeAlias = (
    VariableSet | VariableRemoved | SecretSet | SecretRemoved | ConnectionSet | ConnectionRemoved
)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """An environment; without a status it was never created, or was deleted."""

    status: str = ""
    label: str = ""
    follows: tuple[str, ...] = ()
    created: Created | None = None
    variables: dict[str, Any] = {}
    secrets: dict[str, str | None] = {}
    connections: dict[str, Connection] = {}
    is_filled: bool = False
    """Whether it has taken over what the one has that it was made from."""
    kept: dict[str, str] = {}
    """Which workflows were in the way when it was to be deleted, and why."""
    revision: int = 0
    """Counts its changes."""


def decide(state: State, command: Command) -> Sequence[Event]:
    """Set and remove; raises Rejected for what cannot be."""
    match command:
        case SetVariable():
            size = len(msgspec.json.encode(command.value))
            if size > VALUE_BYTES_MAX:
                raise Rejected("too_large", f"a variable has at most {VALUE_BYTES_MAX} bytes", at="/value")
            is_so = command.name in state.variables and _same(state.variables[command.name], command.value)
            return [] if is_so else _fitting(state, take(VariableSet, command))
        case RemoveVariable():
            return [VariableRemoved(name=command.name)] if command.name in state.variables else []
        case SetSecret():
            _check_sealed(command)
            is_so = command.name in state.secrets and state.secrets[command.name] == command.sealed
            return [] if is_so else _fitting(state, take(SecretSet, command))
        case RemoveSecret():
            return _remove_secret(state, command)
        case SetConnection():
            _check_connection(state, command)
            is_so = state.connections.get(command.name) == take(Connection, command)
            return [] if is_so else _fitting(state, take(ConnectionSet, command))
        case RemoveConnection():
            return [ConnectionRemoved(name=command.name)] if command.name in state.connections else []
    assert_never(command)


def _same(one: Any, other: Any) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)  # 1, 1.0 and true are not the same


def _fitting(state: State, event: Event) -> Sequence[Event]:
    """Return the event, unless there would be too much."""
    after = evolve(state, event)
    for what, held in (
        ("variables", after.variables),
        ("secrets", after.secrets),
        ("connections", after.connections),
    ):
        if len(held) > ENTRIES_MAX:
            raise Rejected("too_many", f"an environment has at most {ENTRIES_MAX} {what}; remove one")
    if len(msgspec.json.encode([after.variables, after.secrets, after.connections])) > BYTES_MAX:
        raise Rejected("too_large", f"all of an environment has at most {BYTES_MAX} bytes; remove something")
    return [event]


def _check_sealed(command: SetSecret) -> None:
    """Refuse what is in clear, and do not repeat it."""
    if command.sealed is not None and not _SEALED.fullmatch(command.sealed):
        detail = (
            "a secret comes sealed, never in clear: covey secret set seals it (docs/environments.md says how)"
        )
        raise Rejected("not_sealed", detail, at="/sealed")


def _remove_secret(state: State, command: RemoveSecret) -> Sequence[Event]:
    if command.name not in state.secrets:
        return []
    users = sorted(name for name, one in state.connections.items() if command.name in PLACE.findall(one.url))
    if users:
        raise Rejected("in_use", f"the connection {users[0]} names it; change that first", at="/name")
    return [SecretRemoved(name=command.name)]


def _check_connection(state: State, command: SetConnection) -> None:
    def refuse(code: str, detail: str) -> None:
        raise Rejected(code, detail, at="/url")

    names = PLACE.findall(command.url)
    for name in names:
        if name not in state.secrets:
            refuse("unknown_secret", f"there is no secret {name} here: covey secret set {name}")
    try:
        parts = urlsplit(PLACE.sub("x", command.url))
        _ = parts.port
        password = urlsplit(command.url).password
    except ValueError:
        return refuse("invalid_connection", "the address cannot be read")
    if parts.scheme not in SCHEMES[command.kind]:
        refuse("invalid_connection", f"one of {command.kind} begins with {', '.join(SCHEMES[command.kind])}")
    if password and not PLACE.fullmatch(password):
        refuse("not_sealed", "a password does not stand in clear: make it a secret and write {its name} here")
    if command.kind == "slack" and not names:
        refuse("not_sealed", "a webhook is a secret: make its path one, as https://hooks.slack.com/{path}")


def evolve(state: State, event: Event) -> State:
    """Hold what was set last."""
    match event:
        case VariableSet():
            return replace(state, variables={**state.variables, event.name: event.value})
        case VariableRemoved():
            return replace(state, variables=_without(state.variables, event.name))
        case SecretSet():
            return replace(state, secrets={**state.secrets, event.name: event.sealed})
        case SecretRemoved():
            return replace(state, secrets=_without(state.secrets, event.name))
        case ConnectionSet():
            return replace(state, connections={**state.connections, event.name: take(Connection, event)})
        case ConnectionRemoved():
            return replace(state, connections=_without(state.connections, event.name))
    assert_never(event)


def filled(state: State, event: Filled) -> State:
    """Add what was taken over to what is there."""
    return replace(
        state,
        is_filled=True,
        variables={**event.variables, **state.variables},
        secrets={**dict.fromkeys(event.secrets), **state.secrets},
        connections={**event.connections, **state.connections},
    )


def _without(held: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in held.items() if other != name}
