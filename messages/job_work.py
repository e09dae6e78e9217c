"""What a run of a job is to do, where, and how it has ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from messages import base
from messages.base import Reference, Text, Token
from messages.command import FLAGS_MAX
from messages.executable import Flag
from messages.job import VALUE_CHARACTERS_MAX, Input, Setting, Variable, WorkingFile

Final = Literal["success", "failure", "timeout", "cancelled", "lost", "refused"]

TAIL_CHARACTERS = 8_000
FILES_MAX = 100

Values = Annotated[
    dict[Flag, Annotated[str, msgspec.Meta(max_length=VALUE_CHARACTERS_MAX)]],
    msgspec.Meta(max_length=FLAGS_MAX),
]
Tail = Annotated[str, msgspec.Meta(max_length=TAIL_CHARACTERS)]


class File(base.Value, frozen=True, kw_only=True):
    """A file that a run has left, kept where it ran."""

    name: Annotated[str, msgspec.Meta(max_length=1000)]
    """Its path in the directory of the run."""
    size: int
    sha256: str


class Result(base.Value, frozen=True, kw_only=True):
    """How a run has ended."""

    state: Final
    code: int | None = None
    """The exit code, negative for a signal; None: it was ended before it had one."""
    reason: Text = ""
    """A word for what ended it, if not the program itself: ``timeout``, ``memory``, ``slot_ended``, …"""
    detail: Text = ""
    """Why, and how to mend it."""
    stdout: Tail = ""
    """The end of what it wrote."""
    stderr: Tail = ""
    """The end of what it complained of."""
    outputs: Annotated[tuple[File, ...], msgspec.Meta(max_length=2)] = ()
    """All of ``stdout`` and ``stderr``, where they are longer than what is told here."""
    files: Annotated[tuple[File, ...], msgspec.Meta(max_length=FILES_MAX)] = ()
    files_left_out: int = 0
    """How many more files it left than are kept."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float = 0.0
    memory_bytes: int = 0
    """The most that was seen in use."""
    isolation: str = ""
    """How far apart it was kept: ``bubblewrap``, ``namespace``, ``process``."""
    network: bool | None = None
    """Whether it had the network of the machine; None: it was not started, or nobody knows."""


class Work(base.Value, frozen=True, kw_only=True):
    """What a partner's program is to do: flags and values of an executable that the partner has itself."""

    executable: Token
    """The id that its tag has at every node."""
    tag: Text
    flags: Annotated[tuple[Flag, ...], msgspec.Meta(max_length=FLAGS_MAX)] = ()
    values: Values = msgspec.field(default_factory=dict)
    environment: dict[Variable, Setting] = msgspec.field(default_factory=dict)
    """Only of our own jobs: a partner takes none."""
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1)] = 3_600
    working_files: Annotated[tuple[WorkingFile, ...], msgspec.Meta(max_length=100)] = ()
    inputs: tuple[Input, ...] = ()
    """Of other runs here; only of our own jobs, too."""
    may_repeat: bool = False


class Place(base.Value, frozen=True, kw_only=True):
    """Where a run is to be: a compute, inside a booking of it."""

    compute: Reference
    """``id`` of an own one, ``node/id`` of a partner's."""
    execution: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$(?!\n)")] = ""
    """Whose booking; empty: any that this node has there now."""
