"""What begins the runs of a workflow: a request over HTTP, an event, a person, the time."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Token
from messages.schedule import Instant, Timing

TRIGGERS_MAX = 50
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Response = Literal["sync", "accepted"]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=60)]


class Trigger(base.Value, frozen=True, kw_only=True):
    """What begins runs."""

    id: Token
    access: Token | None = None
    """The group whose members may fire it, beside who has ``admin`` over the workflow; left out: no group."""


class HttpTrigger(Trigger, frozen=True, kw_only=True, tag_field="type", tag="http"):
    """A request to the node's HTTP listener; with ``access``, one that its user has signed."""

    method: Method
    path: Path
    """``/orders/{order}``: each segment is a word (letters, digits, ``-._~``) or a parameter."""
    response: Response = "sync"
    """``sync``: answered with the output of the run; ``accepted``: with 202 and where the run is."""
    timeout: Seconds = 30.0
    """How long a ``sync`` request waits; then it is answered with 202, too."""
    secret: Token | None = None
    """The NAME of the secret (``covey secret set``) that signs each request (Standard Webhooks)."""


class EventTrigger(Trigger, frozen=True, kw_only=True, tag_field="type", tag="event"):
    """A CloudEvent that comes in on ``covey.<node>.in.>``, or that a run of this node emits.

    With ``access``, only one that its user has signed.
    """

    with_: Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=20)] = msgspec.field(name="with")
    """The attributes that the event must have; ``data`` may be among them."""


class ManualTrigger(Trigger, frozen=True, kw_only=True, tag_field="type", tag="manual"):
    """``workflow.launch``, said by an operator."""


class Timed(Timing, frozen=True, kw_only=True):
    """What begins runs when its time has come; by hand and in a backfill, too."""

    id: Token
    access: Token | None = None
    """The group whose members may fire it before its time, or backfill it; left out: no group."""


class DateTrigger(Timed, frozen=True, kw_only=True, tag_field="type", tag="date"):
    """One instant; it becomes the schedule of the workflow."""

    start: Instant


class CronTrigger(Timed, frozen=True, kw_only=True, tag_field="type", tag="cron"):
    """The instants of a cron expression; they become the schedule of the workflow."""

    cron: Annotated[str, msgspec.Meta(max_length=256)]
    start: Instant | None = None
    """Left out: from the first save on."""


class RruleTrigger(Timed, frozen=True, kw_only=True, tag_field="type", tag="rrule"):
    """The instants of rules of iCalendar; they become the schedule of the workflow."""

    rrule: Annotated[str, msgspec.Meta(max_length=4096)]
    start: Instant | None = None
    """Left out: from the first save on."""


TimeTrigger: TypeAlias = DateTrigger | CronTrigger | RruleTrigger
AnyTrigger: TypeAlias = HttpTrigger | EventTrigger | ManualTrigger | TimeTrigger
Triggers: TypeAlias = Annotated[tuple[AnyTrigger, ...], msgspec.Meta(max_length=TRIGGERS_MAX)]
