"""What may be said to and by a perimeter: what rights are given over, as one."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from messages import base
from messages.base import Text

MEMBERS_MAX = 5_000

Entity = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,64}/[A-Za-z0-9_-]{1,64}$(?!\n)")]
"""An entity of this node: ``kind/id``."""

Within = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$(?!\n)")]
"""The id of another perimeter, or nothing."""


class Description(base.Value, frozen=True, kw_only=True):
    """What is saved of a perimeter."""

    within: Within = ""
    """The perimeter that this one is a part of, for good; empty: the root, which is the whole node."""
    members: Annotated[tuple[Entity, ...], msgspec.Meta(max_length=MEMBERS_MAX)] = ()
    """What it holds beside the workflows that name it themselves (``perimeters``) and its own parts."""
    description: Text = ""


class Save(Description, base.Command, tag="perimeter.save"):
    """Write the perimeter, all of it; its dotted name is that of the one it is in, and its id."""


class Delete(base.Command, tag="perimeter.delete"):
    """Remove the perimeter; its id is never used again, so that rights over it end with it."""


class Saved(Description, base.Event, tag="perimeter.saved", forbid_unknown_fields=False):
    """The perimeter was written."""


class Deleted(base.Event, tag="perimeter.deleted"):
    """The perimeter is gone."""


Command: TypeAlias = Save | Delete
Event: TypeAlias = Saved | Deleted
