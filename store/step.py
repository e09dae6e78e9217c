"""What one handled message changes, and what is read before it is handled. Bodies are bytes here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """A message that has its outcome."""

    id: str
    digest: bytes
    outcome: bytes
    kind: str
    entity: str
    verb: str
    cause: str
    correlation: str
    sender: str
    at: int


class Recorded(msgspec.Struct, frozen=True):
    """One event of the entity that was addressed."""

    version: int
    type: str
    body: bytes
    at: int = 0
    """The instant of the message that caused it, as read from the journal."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One message to publish. ``position`` orders all of a node's messages and is given by the engine."""

    position: int
    lane: str
    subject: str
    message: str
    headers: bytes
    body: bytes
    number: int | None = None
    at: int


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The row of an entity in the listings."""

    version: int
    listed: bool = False
    shown_as: str = ""
    shown_id: str = ""
    status: str = ""
    name: str = ""
    parent: str = ""
    owner: str = ""
    at: int | None = None
    labels: str = "{}"
    fields: str = "{}"
    uses: Sequence[tuple[str, str]] | None = None
    """The entities that it cannot be without, when others than before."""


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be handled."""

    message: str
    subject: str
    headers: bytes
    body: bytes
    code: str
    reason: str
    traceback: str = ""
    attempts: int = 1
    at: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """All that one handled message changes; it is written whole or not at all."""

    handled: Handled
    events: Sequence[Recorded] = ()
    listed: Listed | None = None
    snapshot: tuple[int, bytes, int | None] | None = None
    """A version, the state that it leads to, and the instant since which the entity is deleted."""
    trims: bool = False
    """Whether the snapshot is the new start, and the events up to it are forgotten."""
    forgets: bool = False
    """Whether all of the entity is forgotten, so that its id begins anew."""
    alarms: Mapping[str, int | None] = {}
    """Instants to wait for by name; None forgets one."""
    outgoing: Sequence[Outgoing] = ()
    acknowledged: Sequence[tuple[str, int]] = ()
    """Lanes, and the number up to which the peer has everything."""
    repeat: Sequence[tuple[str, int]] = ()
    """Lanes, and the number from which everything is to be sent again."""
    dead: Dead | None = None


class Past(msgspec.Struct, frozen=True):
    """What is stored of one entity: its latest snapshot and the events after it."""

    version: int
    """The version of the snapshot; 0 without one."""
    state: bytes | None
    events: Sequence[Recorded]
    deleted_at: int | None = None
    """The instant since which it was deleted at the snapshot."""


class Found(msgspec.Struct, frozen=True):
    """One entity in the listings."""

    kind: str
    id: str
    row: Listed


class Memory(msgspec.Struct, frozen=True):
    """What was read for one batch."""

    outcomes: Mapping[str, tuple[bytes, bytes]]
    """The digest and the outcome of each message that had been handled before."""
    pasts: Mapping[tuple[str, str], Past]
    by_id: Mapping[tuple[str, str], Found]
    by_name: Mapping[tuple[str, str], Found]
    users: Mapping[tuple[str, str, str], Sequence[Found]] = {}
    """By the kind and id of what is used, and the kind of its users."""
