"""What may be said to and by an environment: variables, secrets and connections of the runs in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text, Token

MAIN = "main"
"""The environment that always exists."""
VariableName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$(?!\n)")]
"""What stands behind ``$vars.`` in an expression."""
ConnectionKind = Literal["database", "smtp", "slack", "http"]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Follows = Annotated[tuple[Token, ...], msgspec.Meta(max_length=20)]


class Connection(base.Value, frozen=True, kw_only=True):
    """Where calls go that name it."""

    kind: ConnectionKind
    url: Url
    """``{NAME}`` in it is put in from the secret of that name."""


class Create(base.Command, tag="environment.create"):
    """Make the environment, empty or with the variables and connections of another one."""

    label: Text = ""
    """What people call it; the id stays."""
    source: Token | None = msgspec.field(name="from", default=None)
    """Take variables and connections from here; of the secrets only the names, to be set anew."""
    follows: Follows = ()
    """From which environments a workflow may be promoted into this one; none: from nowhere."""


class Rename(base.Command, tag="environment.rename"):
    """Give it another label; its id stays, for runs and addresses name it."""

    label: Text


class SetPolicy(base.Command, tag="environment.set_policy"):
    """Say from which environments a workflow may be promoted into this one."""

    follows: Follows


class SetVariable(base.Command, tag="environment.set_variable"):
    """Give a variable a value; null: it is declared and not set."""

    name: VariableName
    value: Any = None


class RemoveVariable(base.Command, tag="environment.remove_variable"):
    """Have the variable no longer."""

    name: VariableName


class SetSecret(base.Command, tag="environment.set_secret"):
    """Give a secret its value, sealed by who has it; null: it is declared and not set."""

    name: Token
    sealed: Text | None = None
    """``sealed:v1:<key>:<box>``: JSON ``{environment, name, value}`` in a sealed box for the node's key."""


class RemoveSecret(base.Command, tag="environment.remove_secret"):
    """Have the secret no longer."""

    name: Token


class SetConnection(Connection, base.Command, tag="environment.set_connection"):
    """Say where calls go that name it."""

    name: Token


class RemoveConnection(base.Command, tag="environment.remove_connection"):
    """Have the connection no longer."""

    name: Token


class Delete(base.Command, tag="environment.delete"):
    """Remove it with all its workflows, unless one of them runs a planned execution."""

    confirm: Token | None = None
    """The id once more."""


class Lend(base.Command, tag="environment.lend"):
    """Let another environment have what may be taken over (said by it)."""

    to: Token


class Fill(base.Command, tag="environment.fill"):
    """Take over what another environment has (said by it)."""

    variables: dict[str, Any]
    secrets: tuple[str, ...]
    connections: dict[str, Connection]


class Emptied(base.Command, tag="environment.emptied"):
    """Know what became of the workflows that were to go (said by the node)."""

    kept: dict[str, str] = msgspec.field(default_factory=dict)
    """Which stay, and why; none: all are gone."""


class Empty(base.Command, tag="environment.empty"):
    """The work of the queue ``environments``: delete its workflows, and answer with ``emptied``."""

    environment: Token


class Contents(base.Value, frozen=True, kw_only=True):
    """Ask, as a worker does, for variables, connections, and secrets as they were sealed."""


class Created(base.Event, tag="environment.created"):
    """It exists."""

    label: str
    source: str | None = msgspec.field(name="from", default=None)
    follows: tuple[str, ...] = ()


class Renamed(base.Event, tag="environment.renamed"):
    """It has another label."""

    label: str


class PolicySet(base.Event, tag="environment.policy_set"):
    """Workflows may be promoted into it from these."""

    follows: tuple[str, ...]


class VariableSet(base.Event, tag="environment.variable_set"):
    """A variable has a value, or is declared."""

    name: str
    value: Any = None


class VariableRemoved(base.Event, tag="environment.variable_removed"):
    """A variable is no more."""

    name: str


class SecretSet(base.Event, tag="environment.secret_set"):
    """A secret has a value, or is declared."""

    name: str
    sealed: str | None = None


class SecretRemoved(base.Event, tag="environment.secret_removed"):
    """A secret is no more."""

    name: str


class ConnectionSet(Connection, base.Event, tag="environment.connection_set", forbid_unknown_fields=False):
    """Calls that name it go there."""

    name: str


class ConnectionRemoved(base.Event, tag="environment.connection_removed"):
    """A connection is no more."""

    name: str


class Filled(base.Event, tag="environment.filled"):
    """It has taken over what another one has; what it had itself stays."""

    variables: dict[str, Any]
    secrets: tuple[str, ...]
    connections: dict[str, Connection]


class Deleting(base.Event, tag="environment.deleting"):
    """Its workflows are being deleted; nothing is saved into it any more."""


class Kept(base.Event, tag="environment.kept"):
    """It stays, for some of its workflows do."""

    kept: dict[str, str]


class Deleted(base.Event, tag="environment.deleted"):
    """It is no more, and its workflows neither."""


Command: TypeAlias = (
    Create
    | Rename
    | SetPolicy
    | SetVariable
    | RemoveVariable
    | SetSecret
    | RemoveSecret
    | SetConnection
    | RemoveConnection
    | Delete
    | Lend
    | Fill
    | Emptied
)
Event: TypeAlias = (
    Created
    | Renamed
    | PolicySet
    | VariableSet
    | VariableRemoved
    | SecretSet
    | SecretRemoved
    | ConnectionSet
    | ConnectionRemoved
    | Filled
    | Deleting
    | Kept
    | Deleted
)
