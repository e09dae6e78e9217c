"""What may be said to and by a grant: what somebody may do in one perimeter."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from messages import base
from messages.base import Text
from messages.group import Holder

ACTIONS_MAX = 100

Place = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,16}$(?!\n)", max_length=1000)
]
"""A perimeter by its dotted name: ``lab`` (all of the node), ``lab.workflow`` (all of a kind),
``lab.workflow.forecast`` (one entity), ``lab.storms`` (one of ``perimeter save``)."""

Action = Annotated[str, msgspec.Meta(pattern=r"^([a-z_]{1,64}\.)?[a-z_]{1,64}$(?!\n)")]
"""A verb, ``read`` (every question) or ``admin`` (all); before a dot, the one kind that it is for."""


class Description(base.Value, frozen=True, kw_only=True):
    """What is saved of a grant."""

    to: Holder
    perimeter: Place
    actions: Annotated[tuple[Action, ...], msgspec.Meta(min_length=1, max_length=ACTIONS_MAX)]
    description: Text = ""


class Save(Description, base.Command, tag="grant.save"):
    """Let somebody do this there, in place of what the grant said before; only an admin of it may."""


class Delete(base.Command, tag="grant.delete"):
    """Take the right back, from the next message on."""


class Saved(Description, base.Event, tag="grant.saved", forbid_unknown_fields=False):
    """Somebody may do this there."""


class Deleted(base.Event, tag="grant.deleted"):
    """Nobody may by this any more."""


Command: TypeAlias = Save | Delete
Event: TypeAlias = Saved | Deleted
