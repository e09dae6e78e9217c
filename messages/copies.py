"""What the owner of an entity and the nodes that hold copies of it say to each other."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any, Literal

import msgspec

from messages import base
from messages.base import Token

Right = Literal["read", "write"]
"""What a peer may do with what is shared with it; ``write`` is to propose changes to the owner."""

Generation = Annotated[int, msgspec.Meta(ge=0)]
"""Counts the changes of the content of an entity; only its owner counts."""


class Rule(base.Value, frozen=True, kw_only=True):
    """What one peer may do; a peer without a rule may read."""

    peer: Token
    can: tuple[Right, ...]


def copy_id(owner: str, kind: str, id: str) -> str:
    """Return the id that the copy of an entity has in every node that holds one; it fits in a token."""
    mark = blake2b(f"{owner}/{kind}/{id}".encode(), digest_size=6).hexdigest()
    return f"{owner[:20]}-{id[:28]}-{mark}"


class Put(base.Command, tag="copy.put"):
    """Hold this state of the owner's entity, in place of any older one (said by the owner)."""

    owner: Token
    kind: Token
    id: Token
    name: str
    generation: Generation
    version: int
    """Orders what the owner says of one generation: rights change without the content."""
    body: dict[str, Any]
    """All saved fields, as ``get`` answers them at the owner."""
    can: tuple[Right, ...] = ("read",)
    """What the receiver may do with it."""


class Drop(base.Command, tag="copy.drop"):
    """Hold the owner's entity no longer: it is gone, or no longer shared (said by the owner)."""

    owner: Token
    kind: Token
    id: Token
    generation: Generation
    version: int = 0


class Fork(base.Command, tag="copy.fork"):
    """Make an own workflow, not scheduled and not shared, out of the copy of one."""

    into: Token
    """The id of the new workflow."""
    name: base.Name
    """The name of the new workflow; it must be free in this node."""


class Propose(base.Command, tag="copy.propose"):
    """Ask the owner for a change; its new state comes back as a ``put``."""

    body: dict[str, Any]
    """The fields of ``save`` of the kind that is copied."""
    generation: Generation | None = None
    """The generation that the change was made on; without it, the one that the copy has."""


class ProposeRefused(base.Command, tag="copy.propose_refused"):
    """The owner refused a change (said by the owner)."""

    generation: Generation
    """The generation that the change was made on."""
    code: str
    detail: str
    stored: Generation | None = None
    """The generation that the owner has, when that is why."""
