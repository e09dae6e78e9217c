"""What may be said to and by a job: a command with its values, ready to run."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from messages import base
from messages.base import Labels, Text, Token
from messages.command import FLAGS_MAX, OwnName
from messages.envelope import Address
from messages.executable import Flag
from messages.run import Givers

TIMEOUT_SECONDS = 3_600
TIMEOUT_SECONDS_MAX = 7 * 24 * 3_600
VALUE_CHARACTERS_MAX = 10_000

Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Value = Annotated[str, msgspec.Meta(max_length=VALUE_CHARACTERS_MAX)] | bool | Whole | float
"""A text, or what JSON has for it: 2048 is "2048", true is "true"."""

Variable = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$(?!\n)")]
RunId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$(?!\n)")]
"""A token, or nothing."""
OnCompute = Annotated[str, msgspec.Meta(pattern=r"^(([A-Za-z0-9_-]{1,64}/)?[A-Za-z0-9_-]{1,64})?$(?!\n)")]
"""An entity of this node or of another one, or nothing."""
Setting = Annotated[str, msgspec.Meta(max_length=VALUE_CHARACTERS_MAX, pattern=r"^[^\x00]*$(?!\n)")]


class WorkingFile(base.Value, frozen=True, kw_only=True):
    """A file that is in the directory of the run before it begins."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    """Inside the directory of the run."""
    content: Annotated[str, msgspec.Meta(max_length=64 * 1024)] = ""


class Input(base.Value, frozen=True, kw_only=True):
    """A file that another run has left, kept by its digest."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    """Inside the directory of the run."""
    sha256: str
    size: int
    run: str = ""
    """Which has left it; empty in what was begun before that was told."""


class Content(base.Value, frozen=True, kw_only=True):
    """What is saved of a job."""

    name: OwnName = ""
    """Empty: its id."""
    command: Token
    values: Annotated[dict[Flag, Value], msgspec.Meta(max_length=FLAGS_MAX)] = msgspec.field(
        default_factory=dict
    )
    """By flag: one for each that requires a value, and for no other."""
    environment: Annotated[dict[Variable, Setting], msgspec.Meta(max_length=200)] = msgspec.field(
        default_factory=dict
    )
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=TIMEOUT_SECONDS_MAX)] = TIMEOUT_SECONDS
    """After which the whole tree of processes is killed."""
    working_files: Annotated[tuple[WorkingFile, ...], msgspec.Meta(max_length=100)] = ()
    description: Text = ""
    labels: Labels = msgspec.field(default_factory=dict)


class Pinned(base.Value, frozen=True, kw_only=True):
    """What one run of a job is, whatever is saved after it began."""

    job: Token
    job_generation: int
    command: Token
    command_generation: int
    executable: Token
    executable_generation: int
    argv: tuple[str, ...]
    """The path of the executable, its flags, each value an item of its own."""
    sha256: str = ""
    """What the file must be; empty: it is not checked."""
    requires_root: bool = False
    network: bool = True
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    timeout_seconds: int = TIMEOUT_SECONDS
    working_files: tuple[WorkingFile, ...] = ()
    inputs: tuple[Input, ...] = ()
    """Of other runs here."""


class Save(Content, base.Command, tag="job.save"):
    """Write the job, all of it."""


class Delete(base.Command, tag="job.delete"):
    """Remove the job; refused while a routine has it as a step."""


class Run(base.Command, tag="job.run"):
    """Begin a run of what the job is now, here or on a compute that is booked."""

    run: RunId = ""
    """The id of the run; empty: one is made up, and told."""
    on: OnCompute = ""
    """A compute: ``id`` of an own one, ``node/id`` of a partner's; empty: here, at once."""
    execution: RunId = ""
    """Whose booking of it; empty: any of this node that is now."""
    may_repeat: bool = False
    """Whether it may be started again when it was interrupted; otherwise it is ``lost`` then."""
    reply_to: Address | None = None
    """Who waits for the end (said by a run or a routine)."""
    reply_mark: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What the one who waits knows it by."""
    behalf: Givers = ()
    """In whose names it is to be done: each needs the right to it (said by a run); empty: in the node's."""


class Saved(Content, base.Event, tag="job.saved", forbid_unknown_fields=False):
    """The job is this from now on."""

    executable: str
    """That of its command."""
    generation: int


class Deleted(base.Event, tag="job.deleted"):
    """The job is no more."""

    generation: int


Command: TypeAlias = Save | Delete | Run
Event: TypeAlias = Saved | Deleted
