"""What may be said to and by a run of a routine: a durable run of its steps, each a run of a job."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text, Token
from messages.envelope import Address
from messages.job import Pinned
from messages.job_run import File, Result, Work
from messages.routine import Content

Status = Literal["running", "stopping", "success", "failure", "timeout", "cancelled"]
StepStatus = Literal[
    "pending",
    "running",
    "waiting",
    "success",
    "failure",
    "timeout",
    "cancelled",
    "lost",
    "refused",
    "skipped",
]
"""``waiting`` for its next try; ``skipped``: it was never begun, as another step failed."""
StepFinal = Literal["success", "failure", "timeout", "cancelled", "lost", "refused", "skipped"]
StopStatus = Literal["failure", "timeout", "cancelled"]
Final = Literal["success", "failure", "timeout", "cancelled"]


class PinnedJob(base.Value, frozen=True, kw_only=True):
    """What the runs of one job are, whatever is saved after the routine began."""

    pinned: Pinned
    work: Work | None = None
    """The same for a compute that is booked."""


class How(base.Value, frozen=True, kw_only=True):
    """How one try of a step has ended; all that it wrote is at the run of the job."""

    code: int | None = None
    """The exit code, negative for a signal; None: there is none."""
    reason: Text = ""
    """A word for what ended it, if not the program itself."""
    detail: Text = ""
    """In one line, why it has not gone well."""
    files: tuple[File, ...] = ()
    """What it has left, kept where it ran."""
    seconds: float = 0.0


class Begin(base.Command, tag="routine_run.begin"):
    """Run what a routine is now (said by the routine)."""

    routine: Token
    generation: int
    content: Content
    """With an id for each step."""
    reply_to: Address | None = None
    reply_mark: str = ""


class Heard(base.Command, tag="routine_run.heard"):
    """The run of a job has ended (said by that run)."""

    step: Token
    attempt: int
    result: Result


class Cancel(base.Command, tag="routine_run.cancel"):
    """Give it up: nothing begins any more, and what runs is killed."""

    reason: Text = ""


class Delete(base.Command, tag="routine_run.delete"):
    """Remove it with the runs of its jobs, before its time; refused while it has not ended."""


class Begun(base.Event, tag="routine_run.begun"):
    """It runs, with these steps and jobs."""

    at: datetime
    routine: str
    generation: int
    content: Content
    jobs: dict[str, PinnedJob] = msgspec.field(default_factory=dict)
    reply_to: Address | None = None
    reply_mark: str = ""


class StepStarted(base.Event, tag="routine_run.step_started"):
    """A job of it is run, for the first time or again."""

    at: datetime
    step: str
    attempt: int
    run: str
    """The run of the job."""


class StepRetried(base.Event, tag="routine_run.step_retried"):
    """A try has failed, and the next one is at ``next_at``."""

    at: datetime
    step: str
    attempt: int
    how: How
    next_at: datetime


class StepWoken(base.Event, tag="routine_run.step_woken"):
    """It is time for the next try."""

    step: str


class StepStopping(base.Event, tag="routine_run.step_stopping"):
    """Its time is over: the run of its job is cancelled."""

    at: datetime
    step: str
    run: str


class StepEnded(base.Event, tag="routine_run.step_ended"):
    """A step has ended; it is not run again."""

    at: datetime
    step: str
    status: StepFinal
    how: How


class Stopping(base.Event, tag="routine_run.stopping"):
    """Nothing begins any more, and what runs is cancelled."""

    at: datetime
    status: StopStatus
    """What it will be."""
    reason: str = ""


class Ended(base.Event, tag="routine_run.ended"):
    """All of its steps have ended; nothing changes any more."""

    at: datetime
    status: Final
    reason: str = ""


class Deleted(base.Event, tag="routine_run.deleted"):
    """It is no more: its time is over, or somebody has removed it."""

    at: datetime


class Wait(base.Value, frozen=True, kw_only=True):
    """Ask how it has ended, and wait for that."""

    timeout: float = 30.0
    """How many seconds, at most 60."""


Command: TypeAlias = Begin | Heard | Cancel | Delete | base.Alarm
StepEvent: TypeAlias = StepStarted | StepRetried | StepWoken | StepStopping | StepEnded
Event: TypeAlias = Begun | StepEvent | Stopping | Ended | Deleted
