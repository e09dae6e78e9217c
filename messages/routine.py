"""What may be said to and by a routine: jobs in an order, run together as one."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Labels, Text, Token
from messages.command import OwnName
from messages.envelope import Address
from messages.job import OnCompute, RunId
from messages.run import Givers

STEPS_MAX = 200
RETRIES_MAX = 100
BACKOFF_SECONDS_MAX = 24 * 3_600
TIMEOUT_SECONDS_MAX = 30 * 24 * 3_600
AT_ONCE = 8
"""How many steps run side by side, unless the routine says otherwise."""
AT_ONCE_MAX = 100

OnFailure = Literal["stop", "go_on"]
FilePath = Annotated[
    str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^/\x00-\x1f][^\x00-\x1f]*$(?!\n)")
]
"""A path inside the directory of a run."""
StepFile = Annotated[
    str, msgspec.Meta(max_length=320, pattern=r"^[A-Za-z0-9_-]{1,64}/[^/\x00-\x1f][^\x00-\x1f]*$(?!\n)")
]
"""``<step>/<path>``: a file that the job of an earlier step leaves."""


class Step(base.Value, frozen=True, kw_only=True):
    """One job of a routine, and what it waits for."""

    id: RunId = ""
    """What others call it; empty: the job, and ``-2``, ``-3`` … behind it where it comes again."""
    job: Token
    needs: Annotated[tuple[Token, ...], msgspec.Meta(max_length=STEPS_MAX)] = ()
    """Steps that must have succeeded; otherwise it is skipped."""
    mode: Literal["seq", "conc"] = "seq"
    """``seq`` waits for the step before it; ``conc`` runs side by side with its neighbours that are, too."""
    takes: Annotated[dict[FilePath, StepFile], msgspec.Meta(max_length=100)] = msgspec.field(
        default_factory=dict
    )
    """Files that are in its directory before it begins, and of which step; it needs these steps."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=RETRIES_MAX)] = 0
    """How often it is tried again when it has failed."""
    backoff_seconds: Annotated[int, msgspec.Meta(ge=1, le=BACKOFF_SECONDS_MAX)] = 1
    """How long it waits before the second try; twice as long before each one after it, an hour at most."""
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=TIMEOUT_SECONDS_MAX)] | None = None
    """From its first start to its end, with all tries and waits; each try has the timeout of the job, too."""
    once: bool = False
    """Whether it must not be started again when nobody knows how far it came: it is ``lost`` then."""
    on: OnCompute = ""
    """A compute that is booked: ``id`` of an own one, ``node/id`` of a partner's; empty: here, at once."""


class Content(base.Value, frozen=True, kw_only=True):
    """What is saved of a routine."""

    name: OwnName = ""
    """Empty: its id."""
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=STEPS_MAX)]
    on_failure: OnFailure = "stop"
    """Once a step has failed: ``stop`` ends all others, ``go_on`` skips what needs it and runs the rest."""
    at_once: Annotated[int, msgspec.Meta(ge=1, le=AT_ONCE_MAX)] = AT_ONCE
    """How many steps run side by side at most."""
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=TIMEOUT_SECONDS_MAX)] | None = None
    """After which the whole of it is ended."""
    description: Text = ""
    labels: Labels = msgspec.field(default_factory=dict)


class Save(Content, base.Command, tag="routine.save"):
    """Write the routine, all of it."""


class Delete(base.Command, tag="routine.delete"):
    """Remove the routine; its runs go on."""


class Run(base.Command, tag="routine.run"):
    """Begin a run of what the routine is now; its id is told."""

    run: RunId = ""
    """The id of the run; empty: one is made up."""
    reply_to: Address | None = None
    """Who waits for the end (said by a run)."""
    reply_mark: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What the one who waits knows it by."""
    behalf: Givers = ()
    """In whose names it is to be done: each needs the right to it (said by a run); empty: in the node's."""


class Saved(Content, base.Event, tag="routine.saved", forbid_unknown_fields=False):
    """The routine is this from now on."""

    generation: int
    author: str = ""
    """Who saved it: its jobs are run in that name; empty: in the node's."""


class Deleted(base.Event, tag="routine.deleted"):
    """The routine is no more."""

    generation: int


Command: TypeAlias = Save | Delete | Run
Event: TypeAlias = Saved | Deleted
