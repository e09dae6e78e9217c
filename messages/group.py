"""What may be said to and by a group: users and groups that have rights together."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from messages import base
from messages.base import Text

MEMBERS_MAX = 5_000

Holder = Annotated[str, msgspec.Meta(pattern=r"^(user|group)/[A-Za-z0-9_-]{1,64}$(?!\n)")]
"""Who has rights: ``user/<id>`` or ``group/<id>``."""


class Description(base.Value, frozen=True, kw_only=True):
    """What is saved of a group."""

    members: Annotated[tuple[Holder, ...], msgspec.Meta(max_length=MEMBERS_MAX)] = ()
    """Each has the rights of the group; those of a group in it have, too. No group is within itself."""
    description: Text = ""


class Save(Description, base.Command, tag="group.save"):
    """Write the group, all of it."""


class Delete(base.Command, tag="group.delete"):
    """Remove the group; its id is never used again, so that nobody inherits its rights."""


class Saved(Description, base.Event, tag="group.saved", forbid_unknown_fields=False):
    """The group was written."""


class Deleted(base.Event, tag="group.deleted"):
    """The group is gone."""


Command: TypeAlias = Save | Delete
Event: TypeAlias = Saved | Deleted
