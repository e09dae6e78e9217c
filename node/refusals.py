"""What the engine itself refuses, before an actor is asked."""

from __future__ import annotations

from actors.actor import Rejected
from messages.envelope import RETRY, Envelope
from node.live import Key


def check_kind(key: Key, other: str) -> None:
    """Refuse what is for one kind under an id that another kind of its family has."""
    if other:
        kind, id = key
        raise Rejected("wrong_kind", f"{id} is a {other}, no {kind}", extra={"kind": other})


def check_version(envelope: Envelope, stored: int) -> None:
    """Refuse a command whose sender saw another version, even if it would change nothing."""
    if envelope.expect not in (None, RETRY, stored):
        raise version_conflict(envelope.expect, stored)


def version_conflict(expected: int | None, stored: int) -> Rejected:
    """Return the refusal of a command that counts on another version than the entity has."""
    detail = f"version {expected} was expected, it is {stored}; get it and try again"
    return Rejected("version_conflict", detail, extra={"stored": stored, "expected": expected})
