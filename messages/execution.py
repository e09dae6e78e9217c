"""What may be said to and by an execution: one run of a workflow at one time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Reference, Text, Token
from messages.states import State

Seconds = Annotated[float, msgspec.Meta(ge=0)]

OnCancelled = Literal["delay", "fail"]
"""What becomes of an execution when an owner cancels its slot."""


class Booked(base.Value, frozen=True, kw_only=True):
    """A slot of one compute resource."""

    resource: Reference
    """``id`` for an own one, ``node/id`` for another node's."""
    owner: Token
    """The node that owns it."""
    units: int = 1
    state: State = State.DRAFT


class Planned(base.Value, frozen=True, kw_only=True):
    """What a workflow plans: when and on what."""

    workflow: Token
    workflow_version: int
    """The generation of the workflow's content."""
    generation: Annotated[int, msgspec.Meta(ge=1)]
    """The workflow's count of its plans; what is older than what was heard is ignored."""
    start: datetime
    end: datetime
    grace_seconds: Seconds = 60
    """How long after ``start`` it is forgotten when it has not started; when it is delayed, after ``end``."""
    bookings: tuple[Booked, ...] = ()
    on_cancelled: OnCancelled = "delay"
    starts_itself: bool = False
    """Whether the workflow has it start at its time, as it says what is to be run."""
    trigger: Literal["schedule", "backfill"] = "schedule"


class Start(base.Command, tag="execution.start"):
    """Start now what is scheduled or delayed."""


class Succeed(base.Command, tag="execution.succeed"):
    """End well."""

    result: dict[str, Any] = msgspec.field(default_factory=dict)


class Fail(base.Command, tag="execution.fail"):
    """End badly."""

    reason: Text
    result: dict[str, Any] = msgspec.field(default_factory=dict)


class Cancel(base.Command, tag="execution.cancel"):
    """Give it up, started or not; its slots are free again."""

    reason: Text = ""


class Plan(Planned, base.Command, tag="execution.plan"):
    """Exist as a draft while the owners of the compute are asked (said by the workflow)."""


class Schedule(Planned, base.Command, tag="execution.schedule"):
    """Be what all owners confirmed (said by the workflow)."""


class Remove(base.Command, tag="execution.remove"):
    """Be planned no longer; what has started or ended stays (said by the workflow)."""

    generation: int
    """The plan that it is not in; a later plan may have it again."""


class SlotCancelled(base.Command, tag="execution.slot_cancelled"):
    """An owner took a slot back (said by the workflow)."""

    resource: Reference
    generation: int
    reason: str = ""


class Fire(Planned, base.Command, tag="execution.fire"):
    """Start, as the time has come; what is not planned yet is planned by that (said by the workflow)."""


class Skip(base.Command, tag="execution.skip"):
    """Do not start, unless it has (said by the workflow)."""

    reason: Text
    is_missed: bool = False
    """Whether it is forgotten, as its time has passed, rather than cancelled."""


class Drafted(Planned, base.Event, tag="execution.drafted", forbid_unknown_fields=False):
    """It is planned; its slots are not confirmed."""


class Scheduled(Planned, base.Event, tag="execution.scheduled", forbid_unknown_fields=False):
    """It is planned and its slots are confirmed."""


class Kept(base.Event, tag="execution.kept"):
    """A later plan has it again, and it stays as it was: what was booked for it anew is told so."""

    generation: int
    bookings: tuple[Booked, ...]


class Started(base.Event, tag="execution.started"):
    """It runs."""

    at: datetime


class Succeeded(base.Event, tag="execution.succeeded"):
    """It ended well."""

    at: datetime
    result: dict[str, Any]


class Failed(base.Event, tag="execution.failed"):
    """It ended badly."""

    at: datetime
    reason: str
    result: dict[str, Any] = msgspec.field(default_factory=dict)


class Cancelled(base.Event, tag="execution.cancelled"):
    """It was given up."""

    at: datetime
    reason: str


class Forgotten(base.Event, tag="execution.forgotten"):
    """It did not start in time."""

    at: datetime
    reason: str = ""


class SlotLost(base.Event, tag="execution.slot_lost"):
    """An owner took a slot back."""

    resource: str
    generation: int
    reason: str


class Delayed(base.Event, tag="execution.delayed"):
    """It lacks a slot; until its end it may start all the same, or be planned again."""

    reason: str


class Removed(base.Event, tag="execution.removed"):
    """It is planned no longer."""

    generation: int


class Run(base.Message, tag="execution.run"):
    """The task of whoever runs the execution; the answer is ``succeed`` or ``fail``."""

    execution: str
    workflow: str
    workflow_version: int
    start: datetime
    end: datetime
    bookings: tuple[Booked, ...]
    key: str
    """The same whenever the same run is asked for."""


Command: TypeAlias = (
    Start | Succeed | Fail | Cancel | Plan | Schedule | Remove | SlotCancelled | Fire | Skip | base.Alarm
)
Event: TypeAlias = (
    Drafted
    | Scheduled
    | Kept
    | Started
    | Succeeded
    | Failed
    | Cancelled
    | Forgotten
    | SlotLost
    | Delayed
    | Removed
)
