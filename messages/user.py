"""What may be said to and by a user: a person or a machine that speaks to the node with a key of its own."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text

UserType = Literal["person", "machine"]

PublicKey = Annotated[str, msgspec.Meta(pattern=r"^U[A-Z2-7]{55}$(?!\n)")]
"""A user nkey: an Ed25519 key in base32."""


class Description(base.Value, frozen=True, kw_only=True):
    """What is saved of a user."""

    public_key: PublicKey
    """What its signatures are verified with; no other user has it."""
    user_type: UserType = "person"
    active: bool = True
    """Whether it may say anything at all."""
    description: Text = ""


class Save(Description, base.Command, tag="user.save"):
    """Write the user, all of it; another key takes the place of the one before at once."""


class Delete(base.Command, tag="user.delete"):
    """Remove the user; its id is never used again, so that nobody inherits its rights."""


class Saved(Description, base.Event, tag="user.saved", forbid_unknown_fields=False):
    """The user was written."""


class Deleted(base.Event, tag="user.deleted"):
    """The user is gone."""


Command: TypeAlias = Save | Delete
Event: TypeAlias = Saved | Deleted
