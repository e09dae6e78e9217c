"""What may be said to and by a workspace: the resources that people work with."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from messages import base
from messages.base import Labels, Name, Reference, Token
from messages.copies import Generation
from messages.envelope import Address
from messages.membership import HasJoined, HasLeft, Joining, Leaving
from messages.resource import ResourceType

Resources = dict[ResourceType, Annotated[tuple[Reference, ...], msgspec.Meta(max_length=1000)]]
"""Ids of resources, by type."""


class Content(base.Value, frozen=True, kw_only=True):
    """What is saved of a workspace."""

    name: Name
    resources: Resources = msgspec.field(default_factory=dict)
    active: bool = True
    labels: Labels = msgspec.field(default_factory=dict)


class Save(Content, base.Command, tag="workspace.save"):
    """Write the workspace, all of it."""


class Delete(base.Command, tag="workspace.delete"):
    """Remove the workspace; its id is never used again by hand."""


class Follow(base.Command, tag="workspace.follow"):
    """Be the workspace of a workflow: have its name and its resources (said by the workflow)."""

    workflow: Token
    generation: Generation
    """The workflow's; what is older than what was heard is ignored."""
    name: Name
    resources: Resources


class Unfollow(base.Command, tag="workspace.unfollow"):
    """End with the workflow (said by the workflow)."""

    workflow: Token
    generation: Generation


class Join(Joining, base.Command, tag="workspace.join"):
    """Be in a shared workspace (said by it)."""


class Leave(Leaving, base.Command, tag="workspace.leave"):
    """Be in that shared workspace no longer (said by it)."""


class Announce(base.Command, tag="workspace.announce"):
    """Send the present state to one peer again (said by the gateway)."""

    peer: Token


class Propose(base.Command, tag="workspace.propose"):
    """Save this in a peer's name, if it may write and has seen the present generation."""

    generation: Generation
    body: dict[str, Any]
    """The fields of ``save``."""
    reply_to: Address
    """The copy that is told of a refusal."""


class Saved(Content, base.Event, tag="workspace.saved", forbid_unknown_fields=False):
    """The workspace is this from now on."""

    generation: int


class Followed(base.Event, tag="workspace.followed"):
    """The workspace is what its workflow says."""

    workflow: str
    workflow_generation: int
    name: str
    resources: Resources
    generation: int


class Deleted(base.Event, tag="workspace.deleted"):
    """The workspace is no more."""

    generation: int
    workflow_generation: int
    """What its workflow had when it ended; 0 when a person deleted it."""
    workflow: str = ""
    readers: tuple[str, ...] = ()
    """The peers that had a copy."""
    shared: tuple[str, ...] = ()
    """The shared workspaces that it was in."""


class Joined(HasJoined, base.Event, tag="workspace.joined", forbid_unknown_fields=False):
    """The workspace is in a shared workspace."""


class Left(HasLeft, base.Event, tag="workspace.left", forbid_unknown_fields=False):
    """The workspace is in that shared workspace no longer."""


class Announced(base.Event, tag="workspace.announced"):
    """A peer is told the present state again."""

    peer: str


Command: TypeAlias = Save | Delete | Propose | Follow | Unfollow | Join | Leave | Announce
Event: TypeAlias = Saved | Followed | Deleted | Joined | Left | Announced
