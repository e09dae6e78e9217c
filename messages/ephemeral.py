"""The words of ephemeral workflows: the commands and events of each kind are made from its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec

from messages import base
from messages.base import Token

Fields: TypeAlias = Mapping[str, Any]
"""Names of fields and their types; a tuple of a type and a value: that value when the field is left out."""

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
"""What went wrong, for people."""
Brief = Annotated[str, msgspec.Meta(min_length=1, max_length=150)]
"""The same, as short as those want it who keep it (``messages.tiers.ErrorMessage``)."""
Failure = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""Why it went wrong, for programs; 0 means that it did not."""

FAILED: Fields = {"code": Failure, "message": Words}
"""What a command brings that tells of a failure."""
FAILED_BRIEFLY: Fields = {"code": Failure, "message": Brief}
"""The same, when others are told of it."""
RESULT: Fields = {"code": (int, 0), "message": (str, "")}
"""What an event keeps of how a step has ended."""


class Advance(base.Command, tag="ephemeral.advance"):
    """The work of a queue of workers: bring a workflow on from the state that it is in."""

    workflow_kind: Token
    id: Token
    state: str
    """The state that it was in when the work was ordered."""
    arguments: dict[str, Any]
    code: int = 0
    """Why it has failed; 0 = it has not, so far."""
    message: str = ""


class Status(base.Value, frozen=True, kw_only=True):
    """Ask how far it is."""


class Wait(base.Value, frozen=True, kw_only=True):
    """Ask how far it is, and be answered when it is completed, failed or terminated, or the time is up."""

    timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 30.0
    """Seconds."""


class Result(base.Value, frozen=True, kw_only=True):
    """Ask what came of it; the answer says in ``next`` where to go on when it is not all."""

    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many things were told before."""


def command(kind: str, verb: str, about: str, fields: Fields) -> type[base.Command]:
    """Make the struct of a command."""
    return _struct(base.Command, f"{kind}.{verb}", about, fields)


def event(kind: str, name: str, about: str, fields: Fields) -> type[base.Event]:
    """Make the struct of an event."""
    return _struct(base.Event, f"{kind}.{name}", about, fields)


def _struct(parent: type[Any], tag: str, about: str, fields: Fields) -> type[Any]:
    # the kind is part of the name: a schema cannot tell two structs of one name apart
    name = "".join(word.capitalize() for word in tag.replace(".", "_").split("_"))
    return msgspec.defstruct(
        name,
        [(field, *type_) if isinstance(type_, tuple) else (field, type_) for field, type_ in fields.items()],
        bases=(parent,),
        tag=tag,
        frozen=True,
        kw_only=True,
        module=__name__,
        namespace={"__doc__": about},
    )
