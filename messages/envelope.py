"""The wrapping around every message: who, to whom, when, and because of what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

import msgspec

OPERATOR = "operator"
"""The sender of what a client of our own bus says."""
ACTOR = "actor"
"""The sender of what an actor of this node orders."""
ALARM = "alarm"
"""The sender of the alarm that an actor asked for."""
PEER = "peer/"
"""How the sender of what a peer said begins; the name of the peer follows."""
PERSON, MACHINE = "user/", "machine/"
"""How the sender of what a user of this node said begins who has proved it; its id follows."""
NOBODY = "nobody"
"""The sender of what bears a proof that is wrong, or of somebody whom the node does not know."""

RETRY = -1
"""The ``expect`` of a command whose version conflicts the node retries by itself."""

Unread: TypeAlias = tuple[str, str]
"""The JSON pointer of an expression that cannot be read, within its definition, and why."""

_HEX = re.compile(r"[0-9a-f]{32}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Address(msgspec.Struct, frozen=True, order=True):
    """One entity: the kind of actor, the identity within that kind, and the node (empty: ours)."""

    kind: str
    id: str
    node: str = ""

    def __str__(self) -> str:
        return f"{self.node}/{self.kind}.{self.id}" if self.node else f"{self.kind}.{self.id}"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One command in flight, here."""

    id: str
    """The key that makes a repeat harmless: in the broker, in the inbox, in the outbox."""
    to: Address
    verb: str
    body: bytes
    """The JSON of the command."""
    at: int
    """The instant of the message in microseconds since 1970; a redelivery has the same."""
    sender: str = OPERATOR
    correlation: str = ""
    """The id of the first message of the cascade; empty when this is the first."""
    cause: str = ""
    """The id of the message that led to this one; empty when it is the first."""
    expect: int | None = None
    """The version that the sender saw: checked before the command is judged."""
    traceparent: str = ""
    attempt: int = 1
    """How many times this message has been delivered."""
    proof: str = ""
    """The public key that has signed it, or ``as/<id>``: the server vouches for this user."""
    is_call: bool = False
    """Whether a mistake is told, and no dead letter: the sender waits, or the server vouches for it."""
    fault: tuple[str, str] | None = None
    """The code and detail of what the edge found wrong with it."""
    unread: tuple[Unread, ...] = ()
    """The expressions of the definition it carries that are none."""

    @property
    def digest(self) -> bytes:
        """What tells it from another message under the same id."""
        return digest(self.body, self.sender if self.proof else "")


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command: the reply to a call, and what a repeat gets again."""

    status: Literal["done", "rejected", "dead"]
    kind: str
    id: str
    version: int
    """The version of the entity after the command."""
    events: Sequence[msgspec.Raw] = ()
    code: str = ""
    """Why not, as a word."""
    detail: str = ""
    """Why not, and how to mend it."""
    at: str = ""
    """The JSON pointer of the field that is at fault."""
    extra: dict[str, Any] = {}
    """What a program may want to read of a refusal: conflicts, free intervals, the stored version."""
    message: str = ""
    """The id of the command."""


def follow_trace(parent: str, correlation: str, message: str) -> str:
    """Return the W3C ``traceparent`` of a message; a cascade that came without one gets its own."""
    return f"00-{trace_of(parent, correlation)}-{span_of(message)}-01"


def trace_of(parent: str, correlation: str) -> str:
    """Return the id of the trace that a cascade belongs to."""
    parts = parent.split("-")
    if len(parts) == 4 and len(parts[1]) == 32:
        return parts[1]
    return correlation if _HEX.fullmatch(correlation) else _hash(correlation)


def span_of(message: str) -> str:
    """Return the id of the span that a message is."""
    return blake2b(message.encode(), digest_size=16).hexdigest()[:16]


def derive(cause: str, number: int | str) -> str:
    """Return the id of the ``number``-th message caused by ``cause``; a replay gives the same."""
    return blake2b(f"{cause}/{number}".encode(), digest_size=16).hexdigest()


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def digest(body: bytes, user: str = "") -> bytes:
    """Return what tells two messages under one id apart: the body, and the user who has proved to say it."""
    return blake2b(body, digest_size=8, key=_hash(user).encode() if user else b"").digest()


def micros(at: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """Return microseconds since 1970 as an instant in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def rfc3339(at: int) -> str:
    """Return microseconds since 1970 as RFC 3339 in UTC."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{_second(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=64)  # messages come by the thousand in one second
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
