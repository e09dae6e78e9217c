"""Who cannot be without whom: what is used is not deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from actors.actor import USERS_MAX, Known, Rejected, Turn, Users
from actors.fault import Fault

Part = TypeVar("Part", bound=msgspec.Struct)

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


def may_delete(turn: Turn, generation: int, content: object, kinds: Iterable[str] = ()) -> bool:
    """Say whether there is something to delete; raises Rejected where there never was, or it is used."""
    if generation == 0:
        raise Rejected("not_found", f"there is no {turn.me.kind} {turn.me.id}")
    if content is None:
        return False
    _check_unused(turn, kinds)
    return True


def _check_unused(turn: Turn, kinds: Iterable[str]) -> None:
    found = [{"kind": kind, "id": one.id} for kind in kinds for one in known(turn, kind)]
    if found:
        named = ", ".join(f"{one['kind']} {one['id']}" for one in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        detail = f"it is used by {named}{more}; delete or change them first"
        raise Rejected("in_use", detail, extra={"users": found[:TOLD_MAX]})


def content(of: Known, type_: type[Part]) -> Part:
    """Return what was saved of an entity, as its summary tells it."""
    fields = of.summary.fields
    return msgspec.convert({name: fields[name] for name in type_.__struct_fields__ if name in fields}, type_)


def check_harmless(wrong: Sequence[tuple[str, str, Fault]]) -> None:
    """Raise Rejected, naming them, when a change would make users invalid: kind, id and fault of each."""
    if wrong:
        kind, id, fault = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        detail = f"the {kind} {id} would not be valid: {fault.detail}{more}; change or delete that first"
        told = [{"kind": kind, "id": id, **fault._asdict()} for kind, id, fault in wrong[:TOLD_MAX]]
        raise Rejected("in_use", detail, extra={"users": told})
