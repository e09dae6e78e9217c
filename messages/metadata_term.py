"""What may be said to and by a metadata term: what the metadata of a workflow may be under one name."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text

TermType = Literal["text", "number", "boolean", "instant"]
VALUES_MAX = 500

Value = Annotated[str, msgspec.Meta(max_length=256)] | int | float | bool


class Description(base.Value, frozen=True, kw_only=True):
    """What is saved of a term; its id is the name that metadata have it under."""

    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What people call it."""
    term_type: TermType = "text"
    """An instant is a text in RFC 3339."""
    accepted: Annotated[tuple[Value, ...], msgspec.Meta(max_length=VALUES_MAX)] = ()
    """The values that it may have; none: any of its type."""
    default: Value | None = None
    """What a workflow gets that is saved without it; None: nothing."""
    description: Text = ""


class Save(Description, base.Command, tag="metadata_term.save"):
    """Write the term, all of it; from now on workflows are checked against it when they are saved."""


class Delete(base.Command, tag="metadata_term.delete"):
    """Remove the term: anything goes under its name again."""


class Saved(Description, base.Event, tag="metadata_term.saved", forbid_unknown_fields=False):
    """The term was written."""


class Deleted(base.Event, tag="metadata_term.deleted"):
    """The term is gone."""


Command: TypeAlias = Save | Delete
Event: TypeAlias = Saved | Deleted
