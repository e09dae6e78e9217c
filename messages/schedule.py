"""When a workflow runs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from messages import base

Instant = Annotated[str, msgspec.Meta(min_length=10, max_length=40)]
"""RFC 3339 with an offset, or without one: then local time in the zone of the schedule."""

Duration = Annotated[str, msgspec.Meta(min_length=2, max_length=40)]
"""ISO 8601 in weeks, days, hours, minutes and seconds (``PT45M``, ``P1DT12H``), more than nothing."""


Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"]
"""What becomes of an execution whose time comes while another one of the workflow runs.

``skip``: it does not run. ``buffer_one``: the first such one runs when the other has ended.
``buffer_all``: all do, one after the other. ``cancel_other``, ``terminate_other``: it runs once the
other has been stopped. ``allow_all``: it runs beside.
"""

CatchUp = Literal["all", "last", "none"]
"""Which of the executions run whose time came more than the ``grace`` ago, as the node was down."""


class Timing(base.Value, frozen=True, kw_only=True):
    """How executions are begun and booked, whatever says at which instants."""

    end: Instant | None = None
    """No execution starts at it or later; without it the plan is a window that rolls on."""
    zone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    """A zone of IANA. A skipped local time fires at the next valid instant, a repeated one once."""
    duration: Duration = "PT1H"
    """How long each execution holds what it books."""
    inclusive_start: bool = False
    """Whether an instant of ``cron`` or ``rrule`` equal to ``start`` counts."""
    window_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 30
    """How far ahead a schedule without end is planned."""
    deadline: Duration = "P1D"
    """How long the owners of compute have to answer before the plan is refused."""
    grace: Duration = "PT60S"
    """How long after its time an execution is on time; later it is missed, or forgotten."""
    overlap: Overlap = "skip"
    """What becomes of an execution whose time comes while another one runs."""
    catch_up: CatchUp = "all"
    """Which of the missed executions run when the node is back: all, the last that is due, none."""
    catch_up_window: Duration | None = None
    """How long after its time a missed one still runs; without it, as long as its slot lasts."""
    jitter: Duration | None = None
    """Executions start up to so much later, each by an amount of its own: less than ``duration``."""


class Schedule(Timing, frozen=True, kw_only=True):
    """When executions start: once at ``start``, or at each instant of ``cron`` or ``rrule`` after it."""

    start: Instant
    cron: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    """``mm hh dd MM dow`` or ``ss mm hh dd MM dow``, in local time; Sunday is 0 or 7."""
    rrule: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    """Lines ``RRULE``, ``RDATE`` and ``EXDATE`` of iCalendar (RFC 5545), counted from ``start``."""
