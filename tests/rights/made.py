"""A node with users, groups, perimeters and grants, put together in one line each."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from actors import ACTORS
from actors.actor import Actor, Rejected, Summary
from actors.rights.judging import Asked, forbidden
from actors.rights.rights import Rights

KINDS: dict[str, Actor[Any, Any, Any]] = {actor.kind: actor for actor in ACTORS}


def public_key(number: int) -> str:
    """Return a user nkey that is well formed."""
    raw = bytes([20 << 3]) + number.to_bytes(32, "big")
    whole = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(whole).rstrip(b"=").decode()


def users(*ids: str, rights: Rights | None = None) -> Rights:
    rights = rights or Rights("lab")
    for id in ids:
        known = {"public_key": f"key of {id}", "user_type": "person", "active": True}
        rights = rights.note("user", id, known)
    return rights


def group(rights: Rights, id: str, *members: str) -> Rights:
    return rights.note("group", id, {"members": list(members)})


def perimeter(rights: Rights, id: str, *members: str, within: str = "") -> Rights:
    return rights.note("perimeter", id, {"within": within, "members": list(members)})


def grant(rights: Rights, to: str, place: str, *actions: str) -> Rights:
    id = f"{to} {place} {actions}"
    return rights.note("grant", id, {"to": to, "perimeter": place, "actions": list(actions)})


def refusal(
    rights: Rights, user: str, what: str, verb: str, command: Any = True, *, summary: Summary | None = None
) -> Rejected | None:
    """Return why a user may not say a command to ``kind/id``, or ask (command None)."""
    kind, _, id = what.partition("/")
    return forbidden(rights, KINDS[kind], Asked(f"user/{user}", kind, id, verb, command, summary))


def may(rights: Rights, user: str, what: str, verb: str, command: Any = True, **more: Any) -> bool:
    return refusal(rights, user, what, verb, command, **more) is None


def may_read(rights: Rights, user: str, what: str, summary: Summary | None = None) -> bool:
    return refusal(rights, user, what, "get", None, summary=summary) is None
