"""How the executions of a workflow are begun: what is said of it, and what a workflow records."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from messages import base
from messages.base import Text, Token
from messages.schedule import Overlap

COUNT_MAX = 100
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
How = Literal["cancel", "terminate"]


class Slot(base.Value, frozen=True, kw_only=True):
    """A planned execution."""

    execution: str
    start: datetime
    end: datetime
    delay_seconds: float = 0
    """How much later than its start it begins."""


class Pause(base.Command, tag="workflow.pause"):
    """Begin nothing that is scheduled until ``resume``: what is due is cancelled, the rest stays booked."""

    note: Text = ""
    """Why; it is shown as long as the pause lasts."""


class Resume(base.Command, tag="workflow.resume"):
    """Begin what is scheduled again; what came due meanwhile is not caught up: see ``backfill``."""

    note: Text = ""


class Backfill(base.Command, tag="workflow.backfill"):
    """Run the instants of the schedule in a range now, from the earliest on, each once."""

    start: Instant = msgspec.field(name="from")
    """The first instant that counts, with its offset."""
    end: Instant = msgspec.field(name="to")
    """The instant before which they are."""
    overlap: Overlap = "buffer_all"
    """What becomes of each while another one runs."""
    backfill: Token | None = None
    """Its id: the same range again, under another one, runs again. Left out: made of the range."""


class Next(base.Value, frozen=True, kw_only=True):
    """Ask for the next instants of the schedule."""

    count: Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)] = 10
    start: Instant | None = msgspec.field(name="from", default=None)
    """From when on, with its offset; left out: from now on."""


class Waiting(base.Value, frozen=True, kw_only=True):
    """An execution whose time has come and that waits for the end of what runs."""

    slot: Slot
    overlap: Overlap | None = None
    """That of its backfill; None = that of the schedule."""


class Skipped(base.Value, frozen=True, kw_only=True):
    """An execution that does not run."""

    execution: str
    reason: str
    is_missed: bool = False


class Fired(base.Event, tag="workflow.fired"):
    """The time of executions has come, or something has ended: these start, those wait, those do not run."""

    started: tuple[Waiting, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    """Those that wait from now on, behind those that do already."""
    skipped: tuple[Skipped, ...] = ()
    stopped: tuple[str, ...] = ()
    """Those that run and make way."""
    how: How = "cancel"
    until: datetime | None = None
    """Whatever was planned to begin by then is seen to; None = as before."""


class Paused(base.Event, tag="workflow.paused"):
    """Nothing that is scheduled begins."""

    at: datetime
    note: str
    author: str


class Resumed(base.Event, tag="workflow.resumed"):
    """What is scheduled begins again."""

    at: datetime
    note: str
    author: str


class Backfilled(base.Event, tag="workflow.backfilled"):
    """These instants of the schedule are to be run now."""

    backfill: str
    slots: tuple[Slot, ...]
    overlap: Overlap
    workflow_version: int
