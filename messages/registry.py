"""What may be said to and by a registry: the roots and repositories of an organisation."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from messages import base, tiers
from messages.base import Name, Token
from messages.tiers import GlobalPath, HostPath, Tier

Host = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$(?!\n)")]
"""The name of a file server."""


class Init(base.Command, tag="registry.init"):
    """Make the registry; its name is given once."""

    name: Name


class InitRoot(base.Command, tag="registry.init_root"):
    """Add a root: the part of the global tree that one file server holds."""

    global_root: GlobalPath
    host: Host
    host_root: HostPath


class InitRepo(base.Command, tag="registry.init_repo"):
    """Add a repository at or below a root, online; refused below one that is not online (``repo_frozen``)."""

    repo: Token
    global_path: GlobalPath


class BeginUnfreeze(tiers.Begin, tag="registry.begin_unfreeze"):
    """Take a frozen repository for a workflow ``unfreeze_repo``."""

    repo: Token


class CommitUnfreeze(tiers.Commit, tag="registry.commit_unfreeze"):
    """Say that the repository is online."""

    repo: Token


class AbortUnfreeze(tiers.Abort, tag="registry.abort_unfreeze"):
    """Say that the unfreezing has failed."""

    repo: Token


class BeginFreeze(tiers.Begin, tag="registry.begin_freeze"):
    """Take an online repository for a workflow ``freeze_repo``."""

    repo: Token


class CommitFreeze(tiers.Commit, tag="registry.commit_freeze"):
    """Say that the repository is frozen."""

    repo: Token


class AbortFreeze(tiers.Abort, tag="registry.abort_freeze"):
    """Say that the freezing has failed."""

    repo: Token


class FindRepo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for what the registry knows of one repository."""

    repo: Token


class Initialized(base.Event, tag="registry.initialized"):
    """There is a registry."""

    name: str


class RootAdded(base.Event, tag="registry.root_added"):
    """A file server holds this part of the tree."""

    global_root: str
    host: str
    host_root: str


class RepoAdded(base.Event, tag="registry.repo_added"):
    """There is a repository at this path, online."""

    repo: str
    global_path: str


class TierChanged(base.Event, tag="registry.tier_changed"):
    """A repository is in another tier, because of a workflow."""

    repo: str
    tier: Tier
    workflow: str
    code: int = 0
    """Why it has failed; 0 = it has not."""


Move: TypeAlias = BeginUnfreeze | CommitUnfreeze | AbortUnfreeze | BeginFreeze | CommitFreeze | AbortFreeze
Command: TypeAlias = Init | InitRoot | InitRepo | Move
Event: TypeAlias = Initialized | RootAdded | RepoAdded | TierChanged
