"""What may be said to and by the index of the ephemeral workflows of a registry."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from messages import base
from messages.base import Alarm, Token


class Begin(base.Command, tag="workflow_index.begin"):
    """List a workflow that has started (said by the workflow)."""

    workflow: Token
    workflow_kind: Token


class Commit(base.Command, tag="workflow_index.commit"):
    """List a workflow as completed, whatever its outcome (said by the workflow)."""

    workflow: Token


class Delete(base.Command, tag="workflow_index.delete"):
    """Take a completed workflow off the list (said by the workflow)."""

    workflow: Token


class Snapshot(base.Command, tag="workflow_index.snapshot"):
    """Forget the events up to now and keep the list alone, if that saves enough."""


class WorkflowStarted(base.Event, tag="workflow_index.workflow_started"):
    """A workflow is active."""

    workflow: str
    workflow_kind: str
    at: datetime


class WorkflowCompleted(base.Event, tag="workflow_index.workflow_completed"):
    """A workflow has its outcome."""

    workflow: str
    at: datetime


class WorkflowDeleted(base.Event, tag="workflow_index.workflow_deleted"):
    """A completed workflow is off the list."""

    workflow: str
    at: datetime


class SnapshotTaken(base.Event, tag="workflow_index.snapshot_taken"):
    """The events before this one are forgotten; the list is kept."""


Command: TypeAlias = Begin | Commit | Delete | Snapshot | Alarm
Event: TypeAlias = WorkflowStarted | WorkflowCompleted | WorkflowDeleted | SnapshotTaken
