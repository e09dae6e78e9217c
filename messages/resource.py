"""What may be said to and by a resource: what a workflow reads, runs, keeps and computes on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Labels, Name, Text, Token
from messages.booking import Interval
from messages.tiers import Author

ResourceType = Literal["data", "processing", "storage", "compute", "workflow"]

RepoId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$(?!\n)")]
"""A token, or nothing."""

Windows = Annotated[tuple[Interval, ...], msgspec.Meta(max_length=1000)]


class Description(base.Value, frozen=True, kw_only=True, rename={"resource_type": "type"}):
    """What is saved of a resource."""

    name: Name
    resource_type: ResourceType
    """``type`` on the wire."""
    description: Text = ""
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    labels: Labels = msgspec.field(default_factory=dict)
    capacity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    """How many units a compute has; others have none."""
    availability: Windows | None = None
    """When a compute can be booked; None = always."""
    public: bool = False
    """Whether it stands in the catalogue of every peer, which may book it when it is a compute."""
    repo: RepoId = ""
    """The repository of this node that holds the data; other resources have none."""


class Save(Description, base.Command, tag="resource.save", tag_field="message"):
    """Write the resource, all of it."""


class Delete(base.Command, tag="resource.delete"):
    """Remove the resource; its id is never used again."""


class Thaw(base.Command, tag="resource.thaw"):
    """Have the repository of the data unfrozen, unless it is online or on its way there."""

    author_name: Author
    """Who stands in the commit."""
    author_email: Author


class Announce(base.Command, tag="resource.announce"):
    """Send the present state to one peer again (said by the gateway)."""

    peer: Token


class Saved(Description, base.Event, tag="resource.saved", tag_field="message", forbid_unknown_fields=False):
    """The resource is this from now on."""

    generation: int
    was_public: bool = False


class Deleted(base.Event, tag="resource.deleted"):
    """The resource is no more."""

    generation: int
    was_public: bool = False
    was_compute: bool = False


class Thawing(base.Event, tag="resource.thawing"):
    """A workflow ``unfreeze_repo`` is begun for the data."""

    workflow: str
    author_name: str
    author_email: str
    at: datetime


class Announced(base.Event, tag="resource.announced"):
    """A peer is told the present state again."""

    peer: str


Command: TypeAlias = Save | Delete | Thaw | Announce
Event: TypeAlias = Saved | Deleted | Thawing | Announced
