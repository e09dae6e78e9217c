"""What may be said to and by an executable: a program of this node, its parameters and their rules."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Labels, Text, Token

_TAG = r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]* - [^\x00-\x20\x7f]+$(?!\n)"
Tag = Annotated[str, msgspec.Meta(max_length=200, pattern=_TAG)]
"""What people call an executable: ``<name> - <version>``."""

Flag = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f]+$(?!\n)")]
"""One argument as the program knows it: ``-out``, ``--rate``, ``genpkey``. No blanks, nothing unprintable."""

ValueType = Literal["int", "string", "tuple", "path", "float", "ip", "port", "bool", "duration", "none"]

Path = Annotated[str, msgspec.Meta(max_length=1000, pattern=r"^/[^\x00-\x1f\x7f]*$(?!\n)")]
"""An absolute path."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")]
"""A digest in hexadecimal, or nothing."""

Others = Annotated[tuple[Flag, ...], msgspec.Meta(max_length=1000)]

Weight = Annotated[int, msgspec.Meta(ge=0, le=10)]
Scale = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

PARAMETERS_MAX = 2_000


class Parameter(base.Value, frozen=True, kw_only=True):
    """One flag of an executable, and the rules that it brings along."""

    flag: Flag
    description: Text = ""
    requires_root: bool = False
    requires_value: bool = False
    value_type: ValueType = "none"
    """``none`` exactly where no value is required."""
    allows_dash: bool = False
    """Whether a value may begin with ``-``; otherwise it is refused, as programs take it for a flag."""
    requires: Others = ()
    """Flags that must be there when this one is."""
    interferes: Others = ()
    """Flags that may not be there when this one is, nor this one when they are."""
    behind: Others = ()
    """Flags that come before this one when both are there."""
    in_front_of: Others = ()
    """Flags that come after this one when both are there."""
    position: Annotated[int, msgspec.Meta(ge=0, le=PARAMETERS_MAX)] | None = None
    """The place among all flags of a command, from 0."""
    scales: dict[Scale, Weight] = msgspec.field(default_factory=dict)
    """How much it counts on each scale of the executable, 0 to 10."""


class Description(base.Value, frozen=True, kw_only=True):
    """What is saved of an executable."""

    tag: Tag
    path: Path
    sha256: Sha256 = ""
    """What the file must be when it is run; empty: it is not checked."""
    description: Text = ""
    parameters: Annotated[tuple[Parameter, ...], msgspec.Meta(max_length=PARAMETERS_MAX)] = ()
    scales: dict[Scale, Annotated[int, msgspec.Meta(ge=0)]] = msgspec.field(default_factory=dict)
    """The most that the weights of a command's flags may come to, by scale."""
    offered_to: Annotated[tuple[Token, ...], msgspec.Meta(max_length=1000)] = ()
    """The peers whose jobs may run it here, inside their bookings."""
    network: bool = True
    """Whether it has the network of the machine; otherwise it reaches nothing but itself."""
    network_to: Annotated[tuple[Token, ...], msgspec.Meta(max_length=1000)] = ()
    """The peers whose jobs have it here, of those that it is offered to; those of others have none."""
    labels: Labels = msgspec.field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the program is called."""
        return self.tag.rpartition(" - ")[0]

    @property
    def release(self) -> str:
        """The version of the program; that of the entity counts its changes."""
        return self.tag.rpartition(" - ")[2]


class Save(Description, base.Command, tag="executable.save"):
    """Write the executable, all of it; its id is made of its tag."""


class Delete(base.Command, tag="executable.delete"):
    """Remove the executable; refused while a command is made of it."""


class Saved(Description, base.Event, tag="executable.saved", forbid_unknown_fields=False):
    """The executable is this from now on."""

    generation: int


class Deleted(base.Event, tag="executable.deleted"):
    """The executable is no more."""

    generation: int


Command: TypeAlias = Save | Delete
Event: TypeAlias = Saved | Deleted
