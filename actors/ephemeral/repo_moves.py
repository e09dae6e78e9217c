"""Freezing and unfreezing: what both workflows between a registry, a repository and its files share."""

from __future__ import annotations

from typing import Annotated

import msgspec

from actors.ephemeral.phased import phased
from actors.ephemeral.table import Job, Plan, Say, Table
from messages.base import Name, Token
from messages.ephemeral import Fields
from messages.tiers import Author, GlobalPath

REGISTRY_REFUSED, REPO_REFUSED, FILES_FAILED = 106, 107, 108
VERSION_MAX = 2**53

Version = Annotated[int, msgspec.Meta(ge=0, le=VERSION_MAX)]

ARGUMENTS: Fields = {
    "registry_id": Token,
    "registry_name": Name,
    "repo_id": Token,
    "repo_global_path": GlobalPath,
    "author_name": Author,
    "author_email": Author,
    "start_registry_version": (Version | None, None),
    "start_repo_version": (Version | None, None),
}
COMPARED = ("registry_id", "registry_name", "repo_id", "repo_global_path")


def move(verb: str, doing: str, about: str) -> Table:
    """Make the table of a workflow that moves a repository to another tier: ``freeze`` or ``unfreeze``."""
    return phased(
        f"{verb}_repo",
        about,
        arguments=ARGUMENTS,
        compared=COMPARED,
        phases={"files": f"{doing} files"},
        plans=_plans(verb),
    )


def _plans(verb: str) -> dict[str, Plan]:
    registry = {"repo": "repo_id", "workflow": "id"}
    repo = {"workflow": "id"}
    release = (
        Say(
            kind="repo",
            to="repo_id",
            verb=f"abort_{verb}",
            body=repo | {"code": "code", "message": "message"},
            is_release=True,
        ),
        Say(
            kind="registry",
            to="registry_id",
            verb=f"abort_{verb}",
            body=registry | {"code": "code"},
            is_release=True,
        ),
    )
    abort = Say(verb="abort", body={"code": "code", "message": "message"})
    begin = (
        Say(
            kind="registry",
            to="registry_id",
            verb=f"begin_{verb}",
            body=registry | {"start_version": "start_registry_version"},
            otherwise=REGISTRY_REFUSED,
        ),
        Say(
            kind="repo",
            to="repo_id",
            verb=f"begin_{verb}",
            body=repo | {"start_version": "start_repo_version"},
            otherwise=REPO_REFUSED,
        ),
        Say(verb="begin_files"),
    )
    commit = (
        Say(kind="repo", to="repo_id", verb=f"commit_{verb}", body=repo),
        Say(kind="registry", to="registry_id", verb=f"commit_{verb}", body=registry),
        Say(verb="commit"),
    )
    return {
        "initialized": Plan(queue="registry", steps=begin, undo=(*release, abort)),
        "files": Plan(queue="files", steps=(Job(verb, below="repo_global_path"),)),
        "files_completed": Plan(queue="registry", steps=commit),
        "files_failed": Plan(queue="registry", steps=(*release, abort)),
        "failed": Plan(queue="registry", steps=release),
    }
