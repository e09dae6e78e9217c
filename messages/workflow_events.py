"""What a workflow records: what it is, what is planned of it, and with whom it is shared."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from messages import base
from messages.execution import OnCancelled
from messages.membership import HasJoined, HasLeft
from messages.starting import Slot as Slot  # noqa: PLC0414  # part of what is said here
from messages.states import State
from messages.workflow import Definition, OnConflict


class Refusal(base.Value, frozen=True, kw_only=True):
    """Why a plan cannot stand."""

    code: str
    detail: str
    owner: str = ""
    resource: str = ""
    conflicts: tuple[Any, ...] = ()
    """The slots that were asked for, each with what it conflicts with."""
    nearest: tuple[Any, ...] = ()
    """The nearest free intervals."""
    waiting: tuple[str, ...] = ()
    """The owners that have not answered."""


class Saved(Definition, base.Event, tag="workflow.saved", forbid_unknown_fields=False):
    """The workflow is this from now on."""

    generation: int
    workspace: str
    demands: dict[str, int]
    """How many units of which compute (``node/id``) each execution takes."""
    is_followed: bool = True
    """Whether the workspace has to follow: name or resources have changed."""
    is_planned_anew: bool = False
    """Whether when, where or on what it runs has changed."""
    note: str = ""
    """What was done differently from what was asked, and why."""
    workflow_version: int = 0
    """Counts what it has run: a save that changes the definition makes the next version."""
    author: str = ""
    """Who saved it: ``user/<id>``, ``machine/<id>``, ``peer/<name>``, or ``operator``: it was not signed."""
    at: datetime | None = None
    routes_left: tuple[str, ...] = ()
    """The routes of the HTTP listener that it had before."""
    promotion: str = ""
    """What has brought it here; empty: it was saved."""
    origin: str = ""
    """The workflow that it was first; empty: this one."""


class DeploymentNoted(base.Event, tag="workflow.deployment_noted"):
    """It is in another environment, too."""

    environment: str
    workflow: str


class Planned(base.Event, tag="workflow.planned"):
    """The executions are drafts, and the owners of the compute are asked to hold their slots."""

    generation: int
    """Counts the plans."""
    workflow_version: int
    """The generation of the content that is planned."""
    slots: tuple[Slot, ...]
    demands: dict[str, int]
    """How many units of which compute (``node/id``) each execution takes; empty: nothing to ask for."""
    on_conflict: OnConflict
    on_cancelled: OnCancelled
    grace_seconds: float
    until: datetime
    """When it is refused unless all owners have answered."""
    hold_until: datetime
    """When the owners may forget: late enough for a confirmation to come."""
    more_at: datetime | None
    """When the next part of a schedule without end is planned."""
    extends: bool = False
    """Whether it continues the plan that stands."""
    overtaken: int = 0
    """The plan that this one overtakes."""
    removed: tuple[str, ...] = ()
    """Drafts of that plan which this one has not."""
    aborted: tuple[str, ...] = ()
    """Resources of that plan which this one does not ask for."""
    starts_itself: bool = False
    """Whether its executions start at their times."""


class Deferred(base.Event, tag="workflow.deferred"):
    """The plan before this one is being confirmed; when that is done, this one is made."""


class OwnerHeld(base.Event, tag="workflow.owner_held"):
    """An owner holds the slots."""

    resource: str
    skipped: tuple[str, ...] = ()
    """Executions that conflict and are left out."""


class Agreed(base.Event, tag="workflow.agreed"):
    """All owners hold their slots: the plan is confirmed."""

    generation: int
    dropped: tuple[str, ...] = ()
    """Executions that some owner left out."""


class OwnerConfirmed(base.Event, tag="workflow.owner_confirmed"):
    """An owner has confirmed the slots."""

    resource: str


class HeldAgain(base.Event, tag="workflow.held_again"):
    """A hold expired before its confirmation came; the owner is asked again."""

    resource: str
    until: datetime


class Scheduled(base.Event, tag="workflow.scheduled"):
    """The plan stands, in place of the one before."""

    generation: int
    removed: tuple[str, ...] = ()
    """Executions that are no longer planned."""
    released: tuple[str, ...] = ()
    """Resources that are no longer booked."""


class Refused(base.Event, tag="workflow.refused"):
    """The plan is given up, nothing of it remains; what stood before stays."""

    generation: int
    code: str
    refusals: tuple[Refusal, ...]
    removed: tuple[str, ...] = ()
    aborted: tuple[str, ...] = ()
    more_at: datetime | None = None


class Unplanned(base.Event, tag="workflow.unplanned"):
    """Nothing is planned any more."""

    generation: int
    removed: tuple[str, ...] = ()
    released: tuple[str, ...] = ()


class SlotsLost(base.Event, tag="workflow.slots_lost"):
    """An owner took slots back."""

    resource: str
    generation: int
    executions: tuple[str, ...]
    reason: str


class ExecutionNoted(base.Event, tag="workflow.execution_noted"):
    """An execution has started or ended."""

    execution: str
    state: State
    start: datetime
    at: datetime


class Joined(HasJoined, base.Event, tag="workflow.joined", forbid_unknown_fields=False):
    """The workflow is in a shared workspace."""


class Left(HasLeft, base.Event, tag="workflow.left", forbid_unknown_fields=False):
    """The workflow is in that shared workspace no longer."""


class Announced(base.Event, tag="workflow.announced"):
    """A peer is told the present state again."""

    peer: str


class WorkspaceChanged(base.Event, tag="workflow.workspace_changed"):
    """The workspace was taken; this one is made."""

    workspace: str


class Forked(base.Event, tag="workflow.forked"):
    """Another workflow is made out of this one."""

    into: str
    name: str


class Deleted(base.Event, tag="workflow.deleted"):
    """The workflow is no more."""

    generation: int
    workspace: str = ""
    readers: tuple[str, ...] = ()
    """The peers that had a copy."""
    shared: tuple[str, ...] = ()
    """The shared workspaces that it was in."""
    routes: tuple[str, ...] = ()
    """The routes of the HTTP listener that it had."""
