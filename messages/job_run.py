"""What may be said to and by a run of a job: one program, started once, here or on a partner's compute."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text, Token
from messages.envelope import Address
from messages.job import Pinned
from messages.job_work import FILES_MAX, TAIL_CHARACTERS, File, Final, Place, Result, Work

__all__ = ("FILES_MAX", "TAIL_CHARACTERS", "File", "Final", "Place", "Result", "Work")
"""Part of what is said here."""

Status = Literal["queued", "running", "success", "failure", "timeout", "cancelled", "lost", "refused"]
PART_CHARACTERS = 16_000
CHUNK_BYTES = 96 << 10
"""How much of a file is told at a time."""


class Begin(base.Command, tag="job_run.begin"):
    """Run what a job is now (said by the job)."""

    pinned: Pinned
    work: Work | None = None
    """The same for the owner of a compute, where it is to be on one."""
    place: Place | None = None
    """None: here, at once, without a booking."""
    may_repeat: bool = False
    """Whether it may be started again when it was interrupted; otherwise it is ``lost`` then."""
    reply_to: Address | None = None
    """Who waits for the end; the kind says how it is told."""
    reply_mark: str = ""
    """What the one who waits knows it by."""


class Take(base.Command, tag="job_run.take"):
    """Run here what was admitted inside a booking (said by the book of the compute)."""

    node: Token
    """Who asks."""
    run: Token
    """The run there that waits for the end."""
    work: Work
    compute: Token
    execution: Token
    booking: str
    until: datetime
    """When the slot ends."""


class Accepted(base.Command, tag="job_run.accepted"):
    """The run is taken (said by the owner of the compute)."""

    until: datetime
    """When the slot ends."""


class Denied(base.Command, tag="job_run.denied"):
    """The run is not taken (said by the owner of the compute)."""

    code: Annotated[str, msgspec.Meta(max_length=64)]
    detail: Text = ""


class Reported(base.Command, tag="job_run.reported"):
    """The run has ended there (said by the owner of the compute)."""

    result: Result


class Stop(base.Command, tag="job_run.stop"):
    """Give it up (said by the node that asked for it)."""

    run: Token
    """The run there that waits for the end."""
    reason: Text = ""


class SlotEnded(base.Command, tag="job_run.slot_ended"):
    """End it: its slot is over or was taken back (said by the book of the compute)."""

    reason: Text = ""


class Start(base.Command, tag="job_run.start"):
    """It is started now (said by a worker)."""

    token: Token
    """Of this attempt alone: what is said under another is of an attempt that is over."""
    worker: Annotated[str, msgspec.Meta(max_length=200)]


class Append(base.Command, tag="job_run.append"):
    """It has written this (said by a worker)."""

    token: Token
    number: Annotated[int, msgspec.Meta(ge=1)]
    """Counts what the attempt has told; what was told before is not told again."""
    stdout: Annotated[str, msgspec.Meta(max_length=PART_CHARACTERS)] = ""
    stderr: Annotated[str, msgspec.Meta(max_length=PART_CHARACTERS)] = ""


class End(base.Command, tag="job_run.end"):
    """It has ended (said by a worker)."""

    token: Token
    result: Result


class Cancel(base.Command, tag="job_run.cancel"):
    """Give it up: all of its processes are killed."""

    reason: Text = ""


class Delete(base.Command, tag="job_run.delete"):
    """Remove it with the files that it has left, before its time; refused while it has not ended."""


class Begun(base.Event, tag="job_run.begun"):
    """It waits for a worker, or for the owner of the compute."""

    at: datetime
    pinned: Pinned
    work: Work | None = None
    place: Place | None = None
    may_repeat: bool = False
    reply_to: Address | None = None
    reply_mark: str = ""


class Taken(base.Event, tag="job_run.taken"):
    """It waits for a worker, on behalf of another."""

    at: datetime
    node: str
    run: str
    pinned: Pinned
    compute: str
    execution: str
    booking: str
    until: datetime
    may_repeat: bool = False


class Forestalled(base.Event, tag="job_run.forestalled"):
    """It was given up by who asked for it before it came."""

    at: datetime
    node: str
    run: str
    reason: str = ""


class Placed(base.Event, tag="job_run.placed"):
    """The owner of the compute has taken it."""

    until: datetime


class Started(base.Event, tag="job_run.started"):
    """It runs."""

    at: datetime
    token: str
    worker: str
    attempt: int


class Wrote(base.Event, tag="job_run.wrote"):
    """It has written this; of long output not all is told."""

    number: int
    stdout: str = ""
    stderr: str = ""


class Stopping(base.Event, tag="job_run.stopping"):
    """It is being ended."""

    at: datetime
    state: Final
    """What it will be."""
    reason: str
    detail: str = ""


class Ended(base.Event, tag="job_run.ended"):
    """It has ended; nothing changes any more."""

    at: datetime
    result: Result


class Deleted(base.Event, tag="job_run.deleted"):
    """It is no more: its time is over, or somebody has removed it. The files that it has left go."""

    at: datetime


class Run(base.Message, tag="job_run.run"):
    """The work of the queue ``jobs``: answer with ``job_run.start``, ``append`` and ``end``."""

    run: Token
    key: str
    """The same at each attempt."""
    pinned: Pinned
    node: str = ""
    """On whose behalf; empty: this node."""
    until: datetime | None = None
    """When it must have ended."""


class Wait(base.Value, frozen=True, kw_only=True):
    """Ask how it has ended, and wait for that."""

    timeout: float = 30.0
    """How many seconds, at most 60."""


class Fetch(base.Value, frozen=True, kw_only=True):
    """Ask for a part of a file that the run has left."""

    file: Annotated[str, msgspec.Meta(max_length=1000)]
    """Its name, or ``stdout`` or ``stderr``."""
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0


Command: TypeAlias = (
    Begin
    | Take
    | Accepted
    | Denied
    | Reported
    | Stop
    | SlotEnded
    | Start
    | Append
    | End
    | Cancel
    | Delete
    | base.Alarm
)
Event: TypeAlias = Begun | Taken | Forestalled | Placed | Started | Wrote | Stopping | Ended | Deleted
