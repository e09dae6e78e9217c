"""Where the files of a repository are, and the paths that an organisation's file systems share."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Token

Tier: TypeAlias = Literal[
    "online", "freezing", "frozen", "freeze_failed", "unfreezing", "unfreeze_failed", "archived"
]
"""``online`` can be written, ``frozen`` cannot be changed; nothing leads to ``archived`` yet."""

ONLINE: Final = "online"
"""The tier of a repository that is new."""

PATH_CHARACTERS_MAX = 1024

GlobalPath = Annotated[
    str,
    msgspec.Meta(pattern=r"^(/(?!\.{1,2}(/|$))[^/\x00]+)+$(?!\n)", max_length=PATH_CHARACTERS_MAX),
]
"""An absolute path as all hosts of an organisation know it: no ``.``, no ``..``, no empty part, no NUL."""

HostPath = GlobalPath
"""The same, as one host knows it."""

StatusCode = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""Why a workflow has failed, for programs; never 0, which says that it has not."""

Author = Annotated[str, msgspec.Meta(pattern=r"^[^<>\x00-\x1f]{1,200}$(?!\n)")]
"""A name or an address, as git writes it into a commit."""

ErrorMessage = Annotated[str, msgspec.Meta(min_length=1, max_length=150)]
"""Why a workflow has failed, for people."""

Version = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Begin(base.Command, kw_only=True):
    """Take a repository for a workflow, that is ``initialized``."""

    workflow: Token
    start_version: Version | None = None
    """The version that the workflow was planned on; None = any. Not compared when it has begun already."""


class Commit(base.Command, kw_only=True):
    """Say that the workflow has done it."""

    workflow: Token


class Abort(base.Command, kw_only=True):
    """Give a repository back; what a workflow has committed, too, as long as it is not completed itself."""

    workflow: Token
    code: StatusCode
