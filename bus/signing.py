"""How a client says who it is: by a signature, or on a subject that the server lets nobody else use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bus.keys import Key
from messages import subjects

Speak = Callable[[str, Mapping[str, str], bytes], tuple[str, dict[str, str]]]
"""Given subject, headers and body, returns the subject and the headers with which they are sent."""


def signed(
    key: Key, subject: str, headers: Mapping[str, str], body: bytes, at: datetime | None = None
) -> dict[str, str]:
    """Return the headers with a signature over all that matters; ``at`` is now unless it is given."""
    when = (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z")
    told = {**headers, subjects.SIGNER: key.public, subjects.SIGNED_AT: when}
    return {**told, subjects.SIGNATURE: key.sign(subjects.signed(subject, told, body))}


def unsigned(subject: str, headers: Mapping[str, str], _body: bytes) -> tuple[str, dict[str, str]]:
    """Say it as the operator of the node."""
    return subject, dict(headers)


def signing(key: Key) -> Speak:
    """Return how the owner of a key speaks, over anybody's connection."""
    return lambda subject, headers, body: (subject, signed(key, subject, headers, body))


def vouched(user: str) -> Speak:
    """Return how a user speaks over a connection of its own."""
    return lambda subject, headers, _body: (subjects.spoken(user, subject), dict(headers))
