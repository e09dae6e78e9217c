"""What happens to the copy of another node's entity."""

from __future__ import annotations

from typing import Any

from messages import base
from messages.copies import Right


class Stored(base.Event, tag="copy.stored"):
    """The copy is this from now on, whatever it was."""

    owner: str
    kind: str
    id: str
    name: str
    generation: int
    version: int
    body: dict[str, Any]
    can: tuple[Right, ...]


class Dropped(base.Event, tag="copy.dropped"):
    """There is no copy any more; what the owner said before this no longer counts."""

    owner: str
    kind: str
    id: str
    generation: int
    version: int


class Forked(base.Event, tag="copy.forked"):
    """An own workflow is made out of the copy."""

    into: str
    name: str


class Proposed(base.Event, tag="copy.proposed"):
    """The owner is asked for a change."""

    generation: int
    body: dict[str, Any]


class ProposalRefused(base.Event, tag="copy.proposal_refused"):
    """The owner has refused the change."""

    generation: int
    code: str
    detail: str
    stored: int | None = None
