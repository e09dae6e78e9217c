"""A group: its members have its rights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never, get_args

import msgspec

from actors.actor import Actor, Rejected, Summary, Turn
from actors.fields import take
from actors.rights.rights import DEPTH_MAX, Rights
from messages.group import Command, Delete, Deleted, Description, Event, Save, Saved


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved; a group that was deleted never comes back."""

    description: Description | None = None
    is_deleted: bool = False


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete; members exist, and no group is within itself."""
    match command:
        case Save():
            if state.is_deleted:
                raise Rejected("deleted", "the group was deleted; take another id")
            described = take(Description, command)
            if described == state.description:
                return []
            _check(described, turn)
            return [take(Saved, described)]
        case Delete():
            if state.description is None and not state.is_deleted:
                raise Rejected("not_found", f"there is no group {turn.me.id}")
            return [] if state.is_deleted else [Deleted()]
    assert_never(command)


def _check(described: Description, turn: Turn) -> None:
    for place, member in enumerate(described.members):
        at = f"/members/{place}"
        if not is_holder(turn.rights, member):
            raise Rejected("unknown_member", f"there is no {member.replace('/', ' ')}", at=at)
        if f"group/{turn.me.id}" in _below(turn.rights, member):
            raise Rejected("group_cycle", f"the group {turn.me.id} is in {member} already", at=at)
    if _height(turn.rights, turn.me.id) + _depth(turn.rights, described.members) > DEPTH_MAX:
        raise Rejected("too_deep", f"groups are nested at most {DEPTH_MAX} deep", at="/members")


def is_holder(rights: Rights, holder: str) -> bool:
    """Say whether there is such a user or group."""
    kind, _, id = holder.partition("/")
    return id in (rights.users if kind == "user" else rights.groups)


def _members(rights: Rights, holders: set[str]) -> set[str]:
    """Return what is directly within groups."""
    groups = [rights.groups.get(one.removeprefix("group/")) for one in holders if one.startswith("group/")]
    return {member for group in groups if group is not None for member in group["members"]}


def _below(rights: Rights, holder: str) -> set[str]:
    """Return somebody, and all who are within it."""
    found = more = {holder}
    for _ in range(DEPTH_MAX):
        more = _members(rights, more) - found
        found = found | more
    return found


def _depth(rights: Rights, members: Sequence[str]) -> int:
    """Return how deeply members are nested."""
    level, deep = set(members), 0
    while level and deep < DEPTH_MAX:
        level, deep = _members(rights, level), deep + 1
    return deep


def _height(rights: Rights, group: str) -> int:
    """Return how many groups are around a group, one within the other."""
    level, high = {f"group/{group}"}, 0
    while level and high < DEPTH_MAX:
        level = {f"group/{id}" for id, one in rights.groups.items() if level & set(one["members"])}
        high += 1
    return high


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(description=take(Description, event))
        case Deleted():
            return State(is_deleted=True)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Tell who is in it."""
    if state.description is None:
        return None
    return Summary(fields={"members": list(state.description.members)})


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    return None if state.description is None else msgspec.to_builtins(state.description)


ACTOR: Actor[State, Any, Any] = Actor(
    kind="group",
    commands=get_args(Command),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    summary=summary,
    view=view,
)
