"""What may be said to and by a shared workspace: what some peers work on together."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Labels, Name, Text, Token
from messages.copies import Generation, Rule

MemberKind = Literal["workspace", "workflow"]
Members = Annotated[tuple[Token, ...], msgspec.Meta(max_length=1000)]
"""Ids of workspaces or of workflows of this node."""


class Content(base.Value, frozen=True, kw_only=True):
    """What is saved of a shared workspace."""

    name: Name
    description: Text = ""
    peers: Annotated[tuple[Token, ...], msgspec.Meta(max_length=100)] = ()
    workspaces: Members = ()
    workflows: Members = ()
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=100)] = ()
    """What a peer may do; without a rule it may read."""
    labels: Labels = msgspec.field(default_factory=dict)


class Save(Content, base.Command, tag="shared_workspace.save"):
    """Write the shared workspace, all of it, and share what is in it with its peers."""


class Delete(base.Command, tag="shared_workspace.delete"):
    """Remove the shared workspace and every copy that was made through it."""


class JoinRefused(base.Command, tag="shared_workspace.join_refused"):
    """Know that a workspace or workflow cannot be in it (said by that)."""

    kind: MemberKind
    id: Token
    code: str
    detail: str
    generation: Generation = 0
    """The one that the refused ``join`` carried; 0: the last."""


class Forget(base.Command, tag="shared_workspace.forget"):
    """Know that a workspace or workflow in it was deleted (said by that)."""

    kind: MemberKind
    id: Token


class Announce(base.Command, tag="shared_workspace.announce"):
    """Send the present state to one peer again (said by the gateway)."""

    peer: Token


class Saved(Content, base.Event, tag="shared_workspace.saved", forbid_unknown_fields=False):
    """The shared workspace is this from now on."""

    generation: int
    told_workspaces: tuple[str, ...] = ()
    """Those that are new in it, or all of them when the peers or their rights are others."""
    told_workflows: tuple[str, ...] = ()
    left_workspaces: tuple[str, ...] = ()
    left_workflows: tuple[str, ...] = ()
    left_peers: tuple[str, ...] = ()


class Deleted(base.Event, tag="shared_workspace.deleted"):
    """The shared workspace is no more."""

    generation: int
    left_workspaces: tuple[str, ...] = ()
    left_workflows: tuple[str, ...] = ()
    left_peers: tuple[str, ...] = ()


class Refused(base.Event, tag="shared_workspace.refused"):
    """A workspace or workflow could not be in it, and is not."""

    kind: MemberKind
    id: str
    code: str
    detail: str
    generation: int


class Forgotten(base.Event, tag="shared_workspace.forgotten"):
    """A workspace or workflow in it was deleted."""

    kind: MemberKind
    id: str
    generation: int


class Announced(base.Event, tag="shared_workspace.announced"):
    """A peer is told the present state again."""

    peer: str


Command: TypeAlias = Save | Delete | JoinRefused | Forget | Announce
Event: TypeAlias = Saved | Deleted | Refused | Forgotten | Announced
