"""What may be said to and by a run: the durable execution of one version of a workflow definition."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text, Token

FrameId = Annotated[int, msgspec.Meta(ge=1)]
"""One activation of a task; a task of a loop has one each time."""
Status = Literal["pending", "running", "waiting", "suspended", "success", "failure", "cancelled"]


class Problem(base.Value, frozen=True, kw_only=True):
    """What went wrong (RFC 9457); ``instance`` is the JSON pointer of the task."""

    type: str
    status: int
    title: str = ""
    detail: str = ""
    instance: str = ""


class Begin(base.Command, tag="run.begin"):
    """Run a definition from its start; the run keeps it, whatever becomes of the workflow."""

    workflow: Token
    definition: dict[str, Any]
    workflow_version: int = 1
    input: Any = None
    trigger: str = "manual"
    """What began it: manual, http, date, cron, rrule, event, workflow."""
    parent: str = ""
    """The run that waits for it, and the task there: ``<run>.<frame>``."""
    execution: str = ""
    """The planned execution that it is the run of."""


class Evaluated(base.Command, tag="run.evaluated"):
    """Expressions have their values, or one has failed (said by the evaluator)."""

    frame: FrameId
    ask: int
    """Which question of the frame it answers."""
    values: dict[str, Any] = msgspec.field(default_factory=dict)
    problem: Problem | None = None


class Answered(base.Command, tag="run.answered"):
    """A call was made and has its answer (said by a worker)."""

    frame: FrameId
    call: int
    """Which call of the frame it answers."""
    output: Any = None


class Faulted(base.Command, tag="run.faulted"):
    """A call has failed (said by a worker)."""

    frame: FrameId
    call: int
    problem: Problem


class Deliver(base.Command, tag="run.deliver"):
    """Hear a CloudEvent that the run may be listening for."""

    event: dict[str, Any]


class Pause(base.Command, tag="run.pause"):
    """Begin no further task; what is under way ends."""

    reason: Text = ""


class Resume(base.Command, tag="run.resume"):
    """Go on after a pause."""


class Cancel(base.Command, tag="run.cancel"):
    """Give it up: calls and children are cancelled."""

    reason: Text = ""


class Go(base.Command, tag="run.go"):
    """Go on with what one step was too small for (said by the run to itself)."""


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


class Entered(base.Event, tag="run.entered"):
    """A task is reached, with the output of the one before it."""

    frame: int
    pointer: str
    parent: int
    raw: Any
    variables: dict[str, Any] = msgspec.field(default_factory=dict)


class TaskStarted(base.Event, tag="run.task_started"):
    """A task starts, with its input."""

    frame: int
    pointer: str
    input: Any
    at: datetime
    deadline: datetime | None = None


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


class Returned(base.Event, tag="run.returned"):
    """What was asked of a worker is done, or was decided here."""

    frame: int
    output: Any
    then: str = ""
    """Where to go on, when that was decided with it."""


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


class Paced(base.Event, tag="run.paced"):
    """There is more to do at once than one step takes."""


class Paused(base.Event, tag="run.paused"):
    """It begins no further task."""

    reason: str


class Resumed(base.Event, tag="run.resumed"):
    """It goes on."""


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


Command: TypeAlias = (
    Begin | Evaluated | Answered | Faulted | Deliver | Pause | Resume | Cancel | Go | base.Alarm
)
Event: TypeAlias = (
    Begun
    | Entered
    | TaskStarted
    | Asked
    | Valued
    | Called
    | Returned
    | Waiting
    | Woken
    | Listening
    | Heard
    | Iterated
    | Emitted
    | Logged
    | TaskSkipped
    | TaskEnded
    | TaskFailed
    | TaskCancelled
    | Retried
    | Caught
    | Paced
    | Paused
    | Resumed
    | Succeeded
    | Failed
    | Cancelled
)


class Expression(base.Value, frozen=True, kw_only=True):
    """One expression, and what it is evaluated on."""

    text: str
    data: Any = None
    variables: dict[str, Any] = msgspec.field(default_factory=dict)
    """By their names without the dollar; only those that the text names."""


class Evaluate(base.Command, tag="run.evaluate"):
    """The work of the queue ``expressions``: answer with ``run.evaluated``."""

    run: Token
    frame: FrameId
    ask: int
    pointer: str
    expressions: dict[str, Expression]


class Call(base.Command, tag="run.call"):
    """The work of a queue ``call-<kind>``: answer with ``run.answered`` or ``run.faulted``."""

    run: Token
    frame: FrameId
    call: int
    pointer: str
    kind: str
    """http, openapi, database, email, slack, shell."""
    arguments: dict[str, Any]
    attempt: int
    key: str
    """The idempotency key: the same for each delivery of this call."""
    deadline: datetime | None = None
