"""What happens to the tasks of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from messages import base
from messages.problem import Problem


class Entered(base.Event, tag="run.entered"):
    """A task is reached that does not start at once, or a list of tasks is."""

    frame: int
    pointer: str
    parent: int
    raw: Any
    variables: dict[str, Any] = msgspec.field(default_factory=dict)
    deadline: datetime | None = None
    """Until when the attempt of a try may take."""


class TaskStarted(base.Event, tag="run.task_started"):
    """A task starts, with its input."""

    frame: int
    pointer: str
    input: Any
    at: datetime
    deadline: datetime | None = None
    parent: int | msgspec.UnsetType = msgspec.UNSET
    """The frame that it is in, when it is reached with its start; left out: ``run.entered`` has told it."""
    raw: Any = msgspec.UNSET
    """The output of the task before it; left out: it is the input."""


class Asked(base.Event, tag="run.asked"):
    """The values of expressions are asked for."""

    frame: int
    names: tuple[str, ...]


class Valued(base.Event, tag="run.valued"):
    """Expressions have these values, for good: they are not evaluated again."""

    frame: int
    values: dict[str, Any]


class Called(base.Event, tag="run.called"):
    """A worker is asked to do something outside."""

    frame: int
    pointer: str
    kind: str
    attempt: int
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the worker is given; secrets stand in it by name only."""
    until: datetime | None = None
    """When it is given up if nobody has answered."""
    is_awaited: bool = True
    """Whether the task waits for the answer."""


class Returned(base.Event, tag="run.returned"):
    """What was asked of a worker is done, or was decided here and does not end the task at once."""

    frame: int
    output: Any
    then: str = ""
    """Where to go on, when that was decided with it."""


class Unsettled(base.Event, tag="run.unsettled"):
    """Nobody knows whether a call was made that must not be made twice: somebody has to say."""

    frame: int
    pointer: str
    at: datetime


class Settled(base.Event, tag="run.settled"):
    """Somebody has said what became of a call."""

    frame: int
    by: str


class Waiting(base.Event, tag="run.waiting"):
    """A task waits for an instant."""

    frame: int
    pointer: str
    until: datetime


class Woken(base.Event, tag="run.woken"):
    """The instant has come."""

    frame: int


class Listening(base.Event, tag="run.listening"):
    """A task waits for events."""

    frame: int
    pointer: str


class Heard(base.Event, tag="run.heard"):
    """An event came that a task was listening for."""

    frame: int
    event: dict[str, Any]


class Unheard(base.Event, tag="run.unheard"):
    """An event that had come is none that the task listens for."""

    frame: int
    place: int
    """Which of those that it has heard."""


class Iterated(base.Event, tag="run.iterated"):
    """A loop begins its next round, or its first."""

    frame: int
    index: int
    variables: dict[str, Any]


class Emitted(base.Event, tag="run.emitted"):
    """The run tells a CloudEvent."""

    frame: int
    event: dict[str, Any]


class Logged(base.Event, tag="run.logged"):
    """The run notes something for its operators."""

    frame: int
    level: str
    message: str
    at: datetime


class TaskSkipped(base.Event, tag="run.task_skipped"):
    """The condition of a task does not hold."""

    frame: int
    pointer: str


class TaskEnded(base.Event, tag="run.task_ended"):
    """A task has its output; ``then`` says where to go on."""

    frame: int
    pointer: str
    output: Any
    at: datetime
    then: str = "continue"
    context: Any = msgspec.UNSET
    """The context of the run after the export of the task; left out: as it was."""


class TaskFailed(base.Event, tag="run.task_failed"):
    """A task has failed; its parent decides what becomes of that."""

    frame: int
    pointer: str
    problem: Problem
    at: datetime


class TaskCancelled(base.Event, tag="run.task_cancelled"):
    """A task is given up, and all below it: another one was quicker, or the run was cancelled."""

    frame: int
    pointer: str


class Retried(base.Event, tag="run.retried"):
    """A try begins again after a pause."""

    frame: int
    pointer: str
    attempt: int
    problem: Problem
    until: datetime


class Caught(base.Event, tag="run.caught"):
    """An error is handled by the run itself."""

    frame: int
    pointer: str
    problem: Problem
    name: str
    """What expressions of the handler call it."""


TaskEvent: TypeAlias = (
    Entered
    | TaskStarted
    | Asked
    | Valued
    | Called
    | Returned
    | Unsettled
    | Settled
    | Waiting
    | Woken
    | Listening
    | Heard
    | Unheard
    | Iterated
    | Emitted
    | Logged
    | TaskSkipped
    | TaskEnded
    | TaskFailed
    | TaskCancelled
    | Retried
    | Caught
)
