"""What may be said to and by a repository."""

from __future__ import annotations

from typing import TypeAlias

from messages import base, tiers
from messages.base import Name, Token
from messages.tiers import ErrorMessage, GlobalPath, Tier


class Init(base.Command, tag="repo.init"):
    """Make the repository (said by its registry)."""

    registry_id: Token
    registry_name: Name
    global_path: GlobalPath


class BeginUnfreeze(tiers.Begin, tag="repo.begin_unfreeze"):
    """Take the repository, which is frozen, for a workflow ``unfreeze_repo``; not while it has an error."""


class CommitUnfreeze(tiers.Commit, tag="repo.commit_unfreeze"):
    """Say that the files can be written."""


class AbortUnfreeze(tiers.Abort, tag="repo.abort_unfreeze"):
    """Say that the unfreezing has failed, and keep why."""

    message: ErrorMessage


class BeginFreeze(tiers.Begin, tag="repo.begin_freeze"):
    """Take the repository, which is online, for a workflow ``freeze_repo``; not while it has an error."""


class CommitFreeze(tiers.Commit, tag="repo.commit_freeze"):
    """Say that the files can no longer be changed."""


class AbortFreeze(tiers.Abort, tag="repo.abort_freeze"):
    """Say that the freezing has failed, and keep why."""

    message: ErrorMessage


class ClearError(base.Command, tag="repo.clear_error"):
    """Forget the error: a person has looked at it."""


class Initialized(base.Event, tag="repo.initialized"):
    """There is a repository, online."""

    registry_id: str
    registry_name: str
    global_path: str


class TierChanged(base.Event, tag="repo.tier_changed"):
    """The repository is in another tier, because of a workflow."""

    tier: Tier
    workflow: str


class ErrorStored(base.Event, tag="repo.error_stored"):
    """A workflow has failed; nothing begins until a person has cleared the error."""

    code: int
    message: str


class ErrorCleared(base.Event, tag="repo.error_cleared"):
    """A person has cleared the error."""


Move: TypeAlias = BeginUnfreeze | CommitUnfreeze | AbortUnfreeze | BeginFreeze | CommitFreeze | AbortFreeze
Command: TypeAlias = Init | Move | ClearError
Event: TypeAlias = Initialized | TierChanged | ErrorStored | ErrorCleared
