"""What the book of a compute resource answers to the workflow that asked."""

from __future__ import annotations

from messages import base
from messages.base import Reference
from messages.booking import Conflict, Interval


class Held(base.Command, tag="workflow.held"):
    """The slots are held until the plan is confirmed."""

    resource: Reference
    """``node/id``, also when the node is the asker's own."""
    generation: int
    skipped: tuple[str, ...] = ()
    """Executions that conflict and are left out."""


class HoldRefused(base.Command, tag="workflow.hold_refused"):
    """No slot of the plan is held."""

    resource: Reference
    generation: int
    code: str
    detail: str = ""
    conflicts: tuple[Conflict, ...] = ()
    nearest: tuple[Interval, ...] = ()
    """The nearest free times before and after the first slot that conflicts."""


class Confirmed(base.Command, tag="workflow.confirmed"):
    """The slots are booked."""

    resource: Reference
    generation: int


class Expired(base.Command, tag="workflow.expired"):
    """There was nothing held to confirm, or no longer."""

    resource: Reference
    generation: int


class Aborted(base.Command, tag="workflow.aborted"):
    """The plan has no slots any more."""

    resource: Reference
    generation: int
    restored: bool = False
    """Whether what it had replaced is booked again."""


class SlotsCancelled(base.Command, tag="workflow.slots_cancelled"):
    """The owner took the slots of these executions back."""

    resource: Reference
    executions: tuple[str, ...]
    reason: str = ""
    generation: int = 0
    """The plan that the slots were held or booked for; 0: the one that has them."""
