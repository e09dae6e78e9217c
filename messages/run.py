"""What may be said to and by a run: the durable execution of one version of a workflow definition."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text, Token
from messages.problem import Problem as Problem  # noqa: PLC0414  # part of what is said here

FrameId = Annotated[int, msgspec.Meta(ge=1)]
"""One activation of a task; a task of a loop has one each time."""
GIVERS_MAX = 64
"""How many may have had a say in what a run works on."""
Giver = Annotated[str, msgspec.Meta(max_length=100)]
Givers = Annotated[tuple[Giver, ...], msgspec.Meta(max_length=GIVERS_MAX)]
"""Senders, as ``user/<id>``."""
Status = Literal["pending", "running", "waiting", "suspended", "success", "failure", "cancelled"]


class Begin(base.Command, tag="run.begin"):
    """Run a definition from its start; the run keeps it, whatever becomes of the workflow."""

    workflow: Token
    definition: dict[str, Any]
    workflow_version: int = 1
    input: Any = None
    trigger: str = "manual"
    """What began it: manual, http, event, schedule, backfill, workflow."""
    by: str = ""
    """Who has launched it, or has signed what began it; empty: nobody, or the node."""
    parent: str = ""
    """The run that waits for it, and the task there: ``<run>.<frame>``."""
    execution: str = ""
    """The planned execution that it is the run of."""
    environment: Token = "main"
    """Whose variables, secrets and connections it has."""
    author: str = ""
    """In whose name it does what it does: who has saved the version; empty: in the node's."""
    given_by: Givers = ()
    """Who has had a say in its input: who launched it, and whose runs are above it."""


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
    """Give it up: nothing begins any more; it is over when the calls that are under way are."""

    reason: Text = ""


class Terminate(base.Command, tag="run.terminate"):
    """Give it up at once, whatever is under way; what comes of that is not heard any more."""

    reason: Text = ""


class Retry(base.Command, tag="run.retry"):
    """Run again after the end: from where it failed, from the start, or from an action."""

    start: Text = msgspec.field(name="from", default="failed")
    """``failed`` (what has ended stays so), ``start``, or the JSON pointer of an action to go back to."""
    definition: dict[str, Any] | None = None
    """What to run from now on; left out: the same as before."""
    workflow_version: int = 0
    """The version that the definition is, if it is one."""


class Rewound(base.Command, tag="run.rewound"):
    """What the run was at the event that it is to go on from (said by who has read its history)."""

    version: int
    """The version of the run when it was asked for."""
    frames: list[dict[str, Any]] = msgspec.field(default_factory=list)
    context: Any = None
    problem: Problem | None = None
    """Why it cannot be taken back."""


class Lost(base.Command, tag="run.lost"):
    """A call that must not be made twice was begun by a worker that is gone (said by the next one)."""

    frame: FrameId
    call: int


class Settle(base.Command, tag="run.settle"):
    """Say what became of a call of which nobody knows whether it was made: its output, or its problem."""

    frame: FrameId
    output: Any = None
    problem: Problem | None = None


class Go(base.Command, tag="run.go"):
    """Go on with what one step was too small for (said by the run to itself)."""


Command: TypeAlias = (
    Begin
    | Evaluated
    | Answered
    | Faulted
    | Deliver
    | Pause
    | Resume
    | Cancel
    | Terminate
    | Retry
    | Rewound
    | Lost
    | Settle
    | Go
    | base.Alarm
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
    environment: str = "main"
    """Whose ``$vars`` and ``$secrets`` they may name."""


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
    """When nobody waits for the answer any more."""
    once: bool = False
    """Whether it must not be made twice: who finds that another has begun it says ``run.lost``."""
    is_awaited: bool = True
    """Whether the run hears the answer; it shows such a call under way until then."""
    environment: str = "main"
    """Whose connections it may name, and whose secrets are put in for what stands for them."""


class Rewind(base.Command, tag="run.rewind"):
    """The work of the queue ``history``: read the run's events, and answer with ``run.rewound``."""

    run: Token
    version: int
    """Up to which version of the run."""
    start: str = msgspec.field(name="from")
    """``failed``, or the pointer of an action."""
