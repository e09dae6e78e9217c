"""Who cannot be without whom: what is used is not deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.actor import USERS_MAX, Known, Rejected, Turn, Users

TOLD_MAX = 100
"""How many users a refusal names."""


def users(turn: Turn, kinds: Iterable[str]) -> list[Users]:
    """Return the need for all entities of some kinds that use this one."""
    return [Users(turn.me.kind, turn.me.id, kind) for kind in kinds]


def known(turn: Turn, kind: str) -> Sequence[Known]:
    """Return the entities of a kind that use this one; raises Rejected when there are too many to look at."""
    found = turn.users.get(Users(turn.me.kind, turn.me.id, kind), ())
    if len(found) > USERS_MAX:
        detail = f"more than {USERS_MAX} entities of the kind {kind} use it; save it under another id"
        raise Rejected("too_many_users", detail)
    return found


def check_unused(turn: Turn, kinds: Iterable[str]) -> None:
    """Raise Rejected, naming them, when entities of these kinds use this one."""
    found = [{"kind": kind, "id": one.id} for kind in kinds for one in known(turn, kind)]
    if found:
        named = ", ".join(f"{one['kind']} {one['id']}" for one in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        detail = f"it is used by {named}{more}; delete or change them first"
        raise Rejected("in_use", detail, extra={"users": found[:TOLD_MAX]})
