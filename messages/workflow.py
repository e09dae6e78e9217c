"""What may be said to and by a workflow: what runs on which resources, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from messages import base
from messages.base import Labels, Name, Reference, Text, Token
from messages.copies import Generation
from messages.envelope import Address
from messages.execution import OnCancelled
from messages.membership import Joining, Leaving
from messages.run import Givers
from messages.schedule import Schedule
from messages.states import State
from messages.triggers import Triggers
from messages.workspace import Resources

Units = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
OnConflict = Literal["refuse", "skip"]
MANUAL = "manual"
"""What begins a run that somebody launches; what the node begins has a word of its own."""


class Item(base.Value, frozen=True, kw_only=True):
    """A node of the graph: a resource or an action, not both."""

    resource: Reference | None = None
    action: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    units: Units = 1
    """How many units of a compute it takes."""


class Link(base.Value, frozen=True, kw_only=True):
    """An edge of the graph, between two items."""

    source: str
    destination: str
    write: bool = False
    """Whether the source writes the destination, rather than being read by it."""
    note: Text = ""


class Graph(base.Value, frozen=True, kw_only=True):
    """What is connected to what."""

    items: Annotated[dict[Token, Item], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=dict)
    links: Annotated[tuple[Link, ...], msgspec.Meta(max_length=5000)] = ()


class Definition(base.Value, frozen=True, kw_only=True):
    """What is saved of a workflow."""

    name: Name
    """No other workflow of the node has it."""
    description: Text = ""
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    labels: Labels = msgspec.field(default_factory=dict)
    active: bool = True
    """Whether it may run: otherwise nothing is planned of it, and each trigger is refused."""
    environment: Name = "main"
    perimeters: tuple[Name, ...] = ()
    resources: Resources = msgspec.field(default_factory=dict)
    graph: Graph | None = None
    schedule: Schedule | None = None
    schedule_active: bool = False
    on_conflict: OnConflict = "refuse"
    """When one slot is taken: refuse the whole plan, or skip that execution."""
    on_cancelled: OnCancelled = "delay"
    """When an owner takes a slot back: the execution is delayed, or has failed."""
    definition: dict[str, Any] | None = None
    """What it runs: a document of the Open Workflow Specification, DSL 1.0.3. Without one, others run it."""
    triggers: Triggers = ()
    """What begins its runs; each has an ``id`` of its own. A date, cron or rrule becomes the schedule."""


class Save(Definition, base.Command, tag="workflow.save"):
    """Write the workflow, all of it, and plan it anew if when or where it runs has changed."""


class Delete(base.Command, tag="workflow.delete"):
    """Remove the workflow with its workspace and its plan; its id is never used again."""


class Replan(base.Command, tag="workflow.replan"):
    """Ask the owners again after a refusal; a plan that stands or is being asked for stays."""


class Fork(base.Command, tag="workflow.fork"):
    """Make another workflow out of this one, not scheduled and not shared."""

    into: Token
    name: Name


class Propose(base.Command, tag="workflow.propose"):
    """Save this in a peer's name, if it may write and has seen the present generation."""

    generation: Generation
    body: dict[str, Any]
    """The fields of ``save``."""
    reply_to: Address
    """The copy that is told of a refusal."""


class Launch(base.Command, tag="workflow.launch"):
    """Begin a run of the present version of its definition."""

    input: Any = None
    run: Token | None = None
    """The id of the run; left out: a new one."""
    trigger: Token = MANUAL
    """The id of one of its triggers, to fire that by hand, or ``manual``."""
    execution: str = ""
    """The planned execution that it is the run of (said by the workflow itself)."""
    parent: str = ""
    """The run that waits for it, and its task there (said by that run)."""
    environment: str = ""
    """Run what this workflow is in that environment; left out: in its own."""
    fired: str = ""
    """The trigger that a request or an event has fired (said by the node itself)."""
    by: str = ""
    """Who has proved to have sent that; empty: nobody (said by the node itself)."""
    behalf: Givers = ()
    """In whose names it is to be done: each needs the right to it (said by a run); empty: in the node's."""
    given_by: Givers = ()
    """Who has had a say in the input (said by a run)."""


class Promote(base.Command, tag="workflow.promote"):
    """Have it in another environment, too: as it is now, beside what runs there."""

    to: Token
    into: Token | None = None
    """The id that it has there; left out: its first one and the environment."""
    plan: bool = False
    """Only check, and tell what would be different."""
    promotion: Token | None = None
    """The id of the promotion; left out: a new one."""


class Deploy(base.Command, tag="workflow.deploy"):
    """Be what was promoted, or what it was before (said by the promotion)."""

    promotion: Token
    origin: Token
    environment: Token
    definition: Definition
    generation: int
    """Of what was looked at: what was changed since is not written over."""
    by: str = ""
    """Who has promoted it."""


class NoteDeployment(base.Command, tag="workflow.note_deployment"):
    """Know by which id it is in another environment (said by the promotion)."""

    environment: Token
    workflow: Token


class RollBack(base.Command, tag="workflow.roll_back"):
    """Make the definition and the triggers of an earlier version those of the next one."""

    version: Annotated[int, msgspec.Meta(ge=1)]


class Versions(base.Value, frozen=True, kw_only=True):
    """Ask which versions are kept."""


class VersionOf(base.Value, frozen=True, kw_only=True):
    """Ask for the definition and the triggers of a version."""

    number: Annotated[int, msgspec.Meta(ge=1)]


class Difference(base.Value, frozen=True, kw_only=True):
    """Ask what has changed from one version to another."""

    old: Annotated[int, msgspec.Meta(ge=1)]
    new: Annotated[int, msgspec.Meta(ge=1)]


class WorkspaceTaken(base.Command, tag="workflow.workspace_taken"):
    """Know that a workspace follows another workflow, and take a new one (said by the workspace)."""

    workspace: Token


class ExecutionChanged(base.Command, tag="workflow.execution_changed"):
    """Know that an execution has started or ended, so that no plan replaces it (said by it)."""

    execution: Token
    state: State
    start: datetime


class Join(Joining, base.Command, tag="workflow.join"):
    """Be in a shared workspace (said by it)."""


class Leave(Leaving, base.Command, tag="workflow.leave"):
    """Be in that shared workspace no longer (said by it)."""


class Announce(base.Command, tag="workflow.announce"):
    """Send the present state to one peer again (said by the gateway)."""

    peer: Token
