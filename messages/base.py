"""The shape every message shares."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, dataclass_transform

import msgspec

Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")]
"""One token of a subject: the name of a node, a kind, an identity, a verb."""

Reference = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]{1,64}/)?[A-Za-z0-9_-]{1,64}$(?!\n)")]
"""An entity of this node (``id``) or of another one (``node/id``)."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""What people call a thing."""

Text = Annotated[str, msgspec.Meta(max_length=10_000)]
"""What people say of a thing."""

Labels = dict[
    Annotated[str, msgspec.Meta(min_length=1, max_length=64)],
    Annotated[str, msgspec.Meta(max_length=256)],
]
"""Free words to filter listings by."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The explicit ``tag`` of each subclass, ``kind.verb``, is its name on the wire; it never changes."""


class Command(Message, forbid_unknown_fields=True):
    """An order, in the imperative. A misspelt field is an error."""


class Event(Message):
    """A fact, in the past tense. Fields from a newer version are skipped."""


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a message. A misspelt field is an error."""


class Alarm(Command, tag="alarm"):
    """Tell an entity that an instant which it asked for has come."""

    name: str
    due: datetime
    """The instant asked for."""


def tag(message: type[Message] | Message) -> str:
    """Return the name of a message on the wire, ``kind.verb``."""
    return str(message.__struct_config__.tag)


encode = msgspec.json.Encoder().encode
