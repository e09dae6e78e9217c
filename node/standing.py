"""Where everybody stands: the rights as they are stored, the first admin, and what one is told of them."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from actors.actor import Rejected
from actors.rights.rights import ADMIN, KINDS, PERIMETERS, VOUCHED, Rights
from bus.keys import Key
from messages import grant, user
from messages.base import Command, encode, tag
from messages.envelope import ACTOR, OPERATOR, Address, Envelope
from node.intake import outcome_of
from store.queries import Filter, listing, naming
from store.store import Store

FIRST = "admin"
"""The id of the first user, and of the grant that it has."""
PAGE = 500


class Whoami(msgspec.Struct, forbid_unknown_fields=True):
    """Ask who one is to the node, and what one may do."""


class Of(msgspec.Struct, forbid_unknown_fields=True):
    """Ask what a user may do."""

    of: str


QUERIES: dict[str, type[Any]] = {"whoami": Whoami, "rights": Of}
"""The questions to the node about rights."""


async def load(store: Store, rights: Rights) -> Rights:
    """Return the rights as they are stored."""
    for kind in sorted(KINDS):
        after: tuple[str | int, str] | None = None
        while True:
            found, places = await listing(store, Filter(kind=kind, limit=PAGE, after=after))
            for entity in found:
                if entity.kind == kind:
                    rights = rights.note(kind, entity.id, msgspec.json.decode(entity.row.fields))
            if len(found) < PAGE:
                break
            after = places[-1]
    for kind, id, fields in await naming(store, PERIMETERS):
        rights = rights.note(kind, id, msgspec.json.decode(fields))
    return rights


async def enrol(
    node: str, key: Key, call: Callable[[Envelope], Awaitable[bytes]], clock: Callable[[], int]
) -> None:
    """Make the first admin of a node that has none yet."""
    first = user.Save(public_key=key.public, description="The first admin.")
    all_of_it = grant.Save(to=f"user/{FIRST}", perimeter=node, actions=(ADMIN,))
    commands: tuple[Command, ...] = (first, all_of_it)
    for command in commands:
        kind, _, verb = tag(command).partition(".")
        said = Envelope(
            id=uuid.uuid4().hex,
            to=Address(kind, FIRST),
            verb=verb,
            body=encode(command),
            at=clock(),
            sender=ACTOR,
        )
        outcome = outcome_of(await call(said))
        if outcome.status != "done":
            raise RuntimeError(f"the first admin cannot be made: {outcome.code}: {outcome.detail}")


def told(rights: Rights, sender: str, query: str, body: bytes) -> dict[str, Any]:
    """Return who somebody is and what it may do; raises Rejected, or a DecodeError."""
    asked = msgspec.json.decode(body or b"{}", type=QUERIES[query])
    if isinstance(asked, Of):
        if asked.of not in rights.users:
            raise Rejected("not_found", f"there is no user {asked.of}", at="/of")
        return _standing(rights, rights.sender(VOUCHED + asked.of))
    if sender == OPERATOR:
        every = [{"perimeter": rights.node, "actions": [ADMIN], "by": ""}]
        return {"node": rights.node, "sender": sender, "groups": [], "rights": every}
    return _standing(rights, sender)


def _standing(rights: Rights, sender: str) -> dict[str, Any]:
    holders = rights.holders(sender.partition("/")[2])
    found = [
        {"perimeter": one["perimeter"], "actions": list(one["actions"]), "by": id, "to": one["to"]}
        for id, one in sorted(rights.grants.items())
        if one["to"] in holders
    ]
    user = rights.user(sender)
    groups = sorted(one.partition("/")[2] for one in holders if one.startswith("group/"))
    is_active = user is not None and bool(user["active"])
    return {"node": rights.node, "sender": sender, "active": is_active, "groups": groups, "rights": found}
