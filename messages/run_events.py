"""What happens to a run as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from messages import base
from messages.problem import Problem
from messages.task_events import TaskEvent


class Begun(base.Event, tag="run.begun"):
    """It runs this definition with this input."""

    workflow: str
    workflow_version: int
    definition: dict[str, Any]
    input: Any
    trigger: str
    parent: str
    execution: str
    at: datetime
    run: str = ""
    """Its own id."""
    environment: str = "main"
    by: str = ""
    author: str = ""
    """In whose name it does what it does."""
    given_by: tuple[str, ...] = ()
    """Who has had a say in its input, besides who began it."""


class Paced(base.Event, tag="run.paced"):
    """There is more to do at once than one step takes."""


class Paused(base.Event, tag="run.paused"):
    """It begins no further task."""

    reason: str


class Resumed(base.Event, tag="run.resumed"):
    """It goes on."""


class Cancelling(base.Event, tag="run.cancelling"):
    """It is being given up: nothing begins any more, calls that are under way are waited for."""

    reason: str
    at: datetime


class Succeeded(base.Event, tag="run.succeeded"):
    """It has its output."""

    output: Any
    at: datetime


class Failed(base.Event, tag="run.failed"):
    """It ended with a problem that nothing in it caught."""

    problem: Problem
    at: datetime


class Cancelled(base.Event, tag="run.cancelled"):
    """It was given up."""

    reason: str
    at: datetime


class Rewinding(base.Event, tag="run.rewinding"):
    """It is asked to go on from what it was at an earlier event of its own history."""

    start: str = msgspec.field(name="from")
    """``failed``, or the pointer of an action."""
    version: int
    """The version of the run before this event: what came up to it is looked at."""
    at: datetime
    definition: dict[str, Any] | None = None
    """What it goes on with; left out: what it had."""
    workflow_version: int = 0
    author: str = ""
    """Who has said that definition."""


class Restarted(base.Event, tag="run.restarted"):
    """It has ended and runs again, from its start or from what it once was."""

    start: str = msgspec.field(name="from")
    """``start``, ``failed``, or the pointer of an action."""
    at: datetime
    definition: dict[str, Any] | None = None
    """What it runs from now on; left out: what it had."""
    workflow_version: int = 0
    author: str = ""
    """In whose name from now on: who has said that definition; empty: as before."""
    frames: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """What is under way again; empty: it begins anew."""
    context: Any = None


class Unmoved(base.Event, tag="run.unmoved"):
    """It could not be taken back: it has ended as before."""

    code: str
    detail: str


RunEvent: TypeAlias = (
    Begun
    | Paced
    | Paused
    | Resumed
    | Cancelling
    | Succeeded
    | Failed
    | Cancelled
    | Rewinding
    | Restarted
    | Unmoved
)
Event: TypeAlias = RunEvent | TaskEvent
