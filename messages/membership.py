"""What a shared workspace says to its workspaces and workflows, and what these record of it."""

from __future__ import annotations

from messages import base
from messages.base import Token
from messages.copies import Generation, Rule


class Joining(base.Value, frozen=True, kw_only=True):
    """Be in a shared workspace, with these peers."""

    shared_workspace: Token
    generation: Generation
    """The shared workspace's; what is older than what was heard is ignored."""
    peers: tuple[Token, ...]
    rules: tuple[Rule, ...] = ()


class Leaving(base.Value, frozen=True, kw_only=True):
    """Be in that shared workspace no longer."""

    shared_workspace: Token
    generation: Generation


class HasJoined(base.Value, frozen=True, kw_only=True):
    """It is in a shared workspace."""

    shared_workspace: str
    shared_generation: int
    peers: tuple[str, ...]
    rules: tuple[Rule, ...]
    told: tuple[str, ...]
    """The peers that get a copy or other rights by this, and with them all others that have a copy."""
    dropped: tuple[str, ...]
    """The peers that lose their copy by this."""


class HasLeft(base.Value, frozen=True, kw_only=True):
    """It is in that shared workspace no longer."""

    shared_workspace: str
    shared_generation: int
    told: tuple[str, ...]
    dropped: tuple[str, ...]
