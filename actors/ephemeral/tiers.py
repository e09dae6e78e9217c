"""How a repository goes from one tier to another: one table for both directions and both participants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from actors.actor import ById, Need, Rejected, Turn
from messages.base import Message
from messages.tiers import ONLINE, Abort, Begin, Commit, Tier

Role: TypeAlias = Literal["start", "during", "done", "failed", "other"]
"""What a tier is to a direction."""
Next: TypeAlias = Literal["", "during", "done", "failed", "state_conflict", "conflict_workflow"]
"""The role of the tier that follows, nothing, or the code of the refusal."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The tier of a repository, and the workflow that brought it there."""

    tier: Tier = ONLINE
    workflow: str = ""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """A way that a workflow takes a repository."""

    workflow_kind: str
    start: Tier
    during: Tier
    done: Tier
    failed: Tier

    def role(self, tier: Tier) -> Role:
        """Return what a tier is on this way."""
        roles: dict[Tier, Role] = {
            self.start: "start",
            self.during: "during",
            self.done: "done",
            self.failed: "failed",
        }
        return roles.get(tier, "other")

    def tier(self, next_: Next) -> Tier | None:
        """Return the tier that is meant, None when none is."""
        tiers: dict[str, Tier] = {"during": self.during, "done": self.done, "failed": self.failed}
        return tiers.get(next_)


UNFREEZE: Final = Direction(
    workflow_kind="unfreeze_repo",
    start="frozen",
    during="unfreezing",
    done="online",
    failed="unfreeze_failed",
)
FREEZE: Final = Direction(
    workflow_kind="freeze_repo", start="online", during="freezing", done="frozen", failed="freeze_failed"
)

RULES: Final[Mapping[tuple[type[Message], Role], tuple[Next, Next]]] = {
    # said of a tier:    of the same workflow, of another or none
    (Begin, "start"): ("during", "during"),
    (Begin, "failed"): ("during", "during"),
    (Begin, "during"): ("", "conflict_workflow"),
    (Begin, "done"): ("", "state_conflict"),
    (Begin, "other"): ("state_conflict", "state_conflict"),
    (Commit, "start"): ("state_conflict", "state_conflict"),
    (Commit, "during"): ("done", "conflict_workflow"),
    (Commit, "done"): ("", "conflict_workflow"),
    (Commit, "failed"): ("state_conflict", "state_conflict"),
    (Commit, "other"): ("state_conflict", "state_conflict"),
    (Abort, "start"): ("conflict_workflow", "conflict_workflow"),
    (Abort, "during"): ("failed", "conflict_workflow"),
    # the compensation of a commit whose workflow did not get to commit itself
    (Abort, "done"): ("failed", "conflict_workflow"),
    (Abort, "failed"): ("", "conflict_workflow"),
    (Abort, "other"): ("conflict_workflow", "conflict_workflow"),
}
"""What comes of a word: the whole table of both participants, in both directions."""

STARTED: Final = "initialized"
"""The status of a workflow that may begin."""


def needs(command: Begin | Commit | Abort, direction: Direction) -> Sequence[Need]:
    """Know the workflow that takes or gives back."""
    return [] if isinstance(command, Commit) else [ById(direction.workflow_kind, command.workflow)]


def points_at(held: Held, command: Message, direction: Direction) -> Sequence[ById]:
    """Know the workflow that brought it to where this one begins."""
    if not isinstance(command, Begin) or held.tier != direction.start:
        return []
    back = FREEZE if direction is UNFREEZE else UNFREEZE
    return [] if held.workflow in ("", command.workflow) else [ById(back.workflow_kind, held.workflow)]


def move(held: Held, command: Begin | Commit | Abort, direction: Direction, turn: Turn) -> Tier | None:
    """Return the tier that follows, None when nothing does; raises Rejected."""
    if isinstance(command, Abort) and command.code == 0:
        raise Rejected("invalid_status_code", "0 says that it went well; an abort has another", at="/code")
    is_same = held.workflow == command.workflow
    step = next(step for step in (Begin, Commit, Abort) if isinstance(command, step))
    role = direction.role(held.tier)
    next_ = RULES[step, role][0 if is_same else 1]
    if next_ == "":
        return None
    if isinstance(command, Begin):
        _check_version(command, turn)
    tier = direction.tier(next_)
    if tier is None:
        by = f" by {held.workflow}" if held.workflow else ""
        extra = {"tier": held.tier, "workflow": held.workflow}
        raise Rejected(next_, f"it is {held.tier}{by}", at="/workflow", extra=extra)
    _check_workflow(command, direction, role, turn)
    _check_before(held, command, direction, turn)
    return tier


def _check_before(held: Held, command: Message, direction: Direction, turn: Turn) -> None:
    """Refuse to take it from a workflow that has not ended well: that may yet take back what it did."""
    for need in points_at(held, command, direction):
        known = turn.known.get(need)
        if known is not None and known.summary.fields.get("code") != 0:
            extra = {"tier": held.tier, "workflow": held.workflow}
            raise Rejected("conflict_workflow", f"{held.workflow} is not over", at="/workflow", extra=extra)


def _check_version(command: Begin, turn: Turn) -> None:
    if command.start_version not in (None, turn.version):
        detail = f"version {command.start_version} was expected, it is {turn.version}; look at it again"
        extra = {"stored": turn.version, "expected": command.start_version}
        raise Rejected("version_conflict", detail, at="/start_version", extra=extra)


def _check_workflow(command: Begin | Commit | Abort, direction: Direction, role: Role, turn: Turn) -> None:
    known = turn.known.get(ById(direction.workflow_kind, command.workflow))
    status = None if known is None else known.summary.status
    has_succeeded = known is not None and known.summary.fields.get("code") == 0
    name = f"{direction.workflow_kind} {command.workflow}"
    match command:
        case Begin() if status is None:
            raise Rejected("unknown_workflow", f"there is no {name}", at="/workflow")
        case Begin() if status != STARTED:
            raise Rejected("state_conflict", f"{name} is {status}", at="/workflow")
        case Abort() if role == "done" and has_succeeded:
            raise Rejected("conflict_workflow", f"{name} has succeeded: what it did stands", at="/workflow")
