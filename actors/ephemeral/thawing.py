"""Thawing: data whose repository is frozen have a workflow begun that unfreezes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from actors.actor import ById, Order, Rejected, Turn
from actors.ephemeral import unfreeze_repo
from actors.ephemeral.table import FINAL
from actors.ephemeral.tiers import UNFREEZE
from messages.base import Message, tag
from messages.envelope import Address, derive
from messages.resource import Description, Thaw, Thawing

KIND = UNFREEZE.workflow_kind
START = timedelta(days=1)
"""How long a workflow that was ordered may take to be there; one that is gone later was deleted."""


def needs(saved: Description, last: Thawing | None) -> Sequence[ById]:
    """Know the repository, and the workflow that was begun last."""
    if not saved.repo:
        return []
    return [_repo(saved)] if last is None else [_repo(saved), ById(KIND, last.workflow)]


def decide(saved: Description, last: Thawing | None, command: Thaw, turn: Turn) -> Sequence[Thawing]:
    """Begin a workflow if the repository is frozen and none was begun that has not ended."""
    tier = _place(saved, turn)["tier"]
    if tier in (UNFREEZE.done, UNFREEZE.during) or (last is not None and _is_under_way(last, turn)):
        return []
    if tier not in (UNFREEZE.start, UNFREEZE.failed):
        raise Rejected("state_conflict", f"{saved.repo} is {tier}", extra={"repo": saved.repo, "tier": tier})
    return [
        Thawing(
            workflow=derive(turn.message, "thaw"),
            author_name=command.author_name,
            author_email=command.author_email,
            at=turn.at,
        )
    ]


def _repo(saved: Description) -> ById:
    return ById("repo", saved.repo)


def _place(saved: Description, turn: Turn) -> dict[str, Any]:
    """Return what is known of the repository."""
    if not saved.repo:
        raise Rejected("invalid_resource", "it is in no repository; save it with repo")
    known = turn.known.get(_repo(saved))
    if known is None:
        raise Rejected("not_found", f"there is no repository {saved.repo}")
    return known.summary.fields


def _is_under_way(last: Thawing, turn: Turn) -> bool:
    known = turn.known.get(ById(KIND, last.workflow))
    if known is None:
        return turn.at < last.at + START
    return known.summary.status not in FINAL


def react(saved: Description, event: Thawing, turn: Turn) -> Sequence[Order]:
    """Begin the workflow."""
    place = _place(saved, turn)
    init = _init(
        registry_id=place["registry_id"],
        registry_name=place["registry_name"],
        repo_id=saved.repo,
        repo_global_path=place["global_path"],
        author_name=event.author_name,
        author_email=event.author_email,
    )
    return [Order(Address(KIND, event.workflow), init)]


def _init(**fields: str) -> Message:
    """Make the command of the workflow's own table."""
    struct = next(one for one in unfreeze_repo.ACTOR.commands if tag(one) == f"{KIND}.init")
    made: Message = struct(**fields)
    return made
