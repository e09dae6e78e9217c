"""Who holds copies of an entity, and what they are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, assert_never

import msgspec

from actors.actor import Order, Rejected
from messages.copies import Drop, ProposeRefused, Put, Right, Rule, copy_id
from messages.envelope import Address
from messages.membership import HasJoined, HasLeft, Joining, Leaving

READ: tuple[Right, ...] = ("read",)
"""What a peer without a rule may do."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one shared workspace has said last; one that was left is kept, so that older words are known."""

    generation: int
    is_in: bool = True
    peers: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


Shares = dict[str, Share]
"""By the id of the shared workspace."""

Proposed = TypeVar("Proposed")

Readers = Mapping[str, tuple[Right, ...]]
"""What each peer that holds a copy may do with it."""


class Change(NamedTuple):
    """What joining or leaving changes for the peers."""

    told: tuple[str, ...]
    dropped: tuple[str, ...]


class Owned(NamedTuple):
    """An entity of this node as its readers see it."""

    address: Address
    node: str
    name: str
    generation: int
    revision: int
    """Orders what is said of one generation."""
    body: dict[str, Any]


def readers(shares: Shares, node: str) -> Readers:
    """Return the peers of all shared workspaces, never ourselves, each with the sum of its rights."""
    rights: dict[str, set[Right]] = {}
    for share in shares.values():
        if share.is_in:
            for peer in share.peers:
                if peer != node and (can := _granted(share, peer)):
                    rights.setdefault(peer, {"read"}).update(can)
    return {peer: tuple(sorted(rights[peer])) for peer in sorted(rights)}


def _granted(share: Share, peer: str) -> tuple[Right, ...]:
    said = [rule.can for rule in share.rules if rule.peer == peer]
    return tuple(right for can in said for right in can) if said else READ


def inside(shares: Shares) -> tuple[str, ...]:
    """Return the shared workspaces that the entity is in."""
    return tuple(sorted(id for id, share in shares.items() if share.is_in))


def hear(shares: Shares, command: Joining | Leaving, node: str) -> Change | None:
    """Return who must be told when a shared workspace says this, or None when it is old news."""
    known = shares.get(command.shared_workspace)
    if known is not None and command.generation <= known.generation:
        return None
    match command:
        case Joining():
            share = Share(generation=command.generation, peers=command.peers, rules=command.rules)
        case Leaving():
            share = Share(generation=command.generation, is_in=False)
        case _:
            assert_never(command)
    before = readers(shares, node)
    after = readers({**shares, command.shared_workspace: share}, node)
    has_more = any(before.get(peer) != can for peer, can in after.items())
    # all of them, so that all hold the same revision
    return Change(tuple(after) if has_more else (), tuple(peer for peer in before if peer not in after))


def told(shares: Shares, event: HasJoined | HasLeft) -> Shares:
    """Remember what a shared workspace said."""
    match event:
        case HasJoined():
            share = Share(generation=event.shared_generation, peers=event.peers, rules=event.rules)
        case HasLeft():
            share = Share(generation=event.shared_generation, is_in=False)
        case _:
            assert_never(event)
    return {**shares, event.shared_workspace: share}


def emptied(shares: Shares) -> Shares:
    """Be in none of them, and remember what they said."""
    return {id: Share(generation=share.generation, is_in=False) for id, share in shares.items()}


def puts(owned: Owned, rights: Readers, peers: Iterable[str]) -> list[Order]:
    """Order the present state to be held by these of the readers, and not by who is none."""
    held = [peer for peer in peers if peer in rights]
    gone = [peer for peer in peers if peer not in rights]
    return [Order(_copy(owned, peer), _put(owned, rights[peer])) for peer in held] + drops(owned, gone)


def drops(owned: Owned, peers: Iterable[str]) -> list[Order]:
    """Order the copies of these peers to be dropped."""
    drop = Drop(
        owner=owned.node,
        kind=owned.address.kind,
        id=owned.address.id,
        generation=owned.generation,
        version=owned.revision,
    )
    return [Order(_copy(owned, peer), drop) for peer in peers]


def _put(owned: Owned, can: tuple[Right, ...]) -> Put:
    return Put(
        owner=owned.node,
        kind=owned.address.kind,
        id=owned.address.id,
        name=owned.name,
        generation=owned.generation,
        version=owned.revision,
        body=owned.body,
        can=can,
    )


def _copy(owned: Owned, peer: str) -> Address:
    return Address("copy", copy_id(owned.node, owned.address.kind, owned.address.id), peer)


def check_right(rights: Readers, peer: str) -> None:
    """Raise Rejected unless the peer may write."""
    if "write" not in rights.get(peer, ()):
        detail = f"{peer or 'nobody'} may not write it; a rule of its shared workspace would let it"
        raise Rejected("not_granted", detail)


def check_generation(seen: int, stored: int) -> None:
    """Raise Rejected unless the peer has seen the present generation."""
    if seen != stored:
        detail = f"the change is of generation {seen}, it is {stored}; take the new one and change that"
        raise Rejected("version_conflict", detail, extra={"stored": stored, "expected": seen})


def proposed(save: type[Proposed], body: dict[str, Any]) -> Proposed:
    """Read the body of a proposal; raise Rejected when it is not one of ``save``."""
    try:
        return msgspec.convert(body, save)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_message", f"{error}; propose the fields of save") from error


def read(save: type[Proposed], body: dict[str, Any]) -> Proposed | None:
    """Read the body of a proposal, or return None when it is not one of ``save``."""
    try:
        return msgspec.convert(body, save)
    except msgspec.ValidationError:
        return None


def refusal(reply_to: Address, generation: int, no: Rejected, peer: str) -> list[Order]:
    """Order the copy that a change came from to be told why not."""
    if not peer or reply_to.kind != "copy":
        return []
    stored = no.extra.get("stored") if no.code == "version_conflict" else None
    command = ProposeRefused(generation=generation, code=no.code, detail=no.detail, stored=stored)
    return [Order(Address("copy", reply_to.id, peer), command)]
