"""What may be said to and by a command: flags of an executable that go together."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from messages import base
from messages.base import Labels, Text, Token
from messages.executable import Flag

FLAGS_MAX = 500

OwnName = Annotated[str, msgspec.Meta(max_length=200)]
"""What people call a thing; empty: its id."""


class Content(base.Value, frozen=True, kw_only=True):
    """What is saved of a command."""

    name: OwnName = ""
    """Empty: its id."""
    executable: Token
    flags: Annotated[tuple[Flag, ...], msgspec.Meta(max_length=FLAGS_MAX)] = ()
    """In the order in which they are written; rules of the executable on the order go before it."""
    description: Text = ""
    requires_root: bool | None = None
    """None: if one of its flags does."""
    labels: Labels = msgspec.field(default_factory=dict)


class Save(Content, base.Command, tag="command.save"):
    """Write the command, all of it."""


class Delete(base.Command, tag="command.delete"):
    """Remove the command; refused while a job is made of it."""


class Saved(Content, base.Event, tag="command.saved", forbid_unknown_fields=False):
    """The command is this from now on."""

    generation: int


class Deleted(base.Event, tag="command.deleted"):
    """The command is no more."""

    generation: int


Command: TypeAlias = Save | Delete
Event: TypeAlias = Saved | Deleted
