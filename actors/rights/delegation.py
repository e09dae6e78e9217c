"""Commands that give others rights: what else one must hold, so that nobody gives what he has not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from actors.actor import Summary
from actors.rights.rights import ADMIN, PERIMETERS, ROOT, Place, Rights
from messages import grant, perimeter, shared_workspace, workflow


class Needed(NamedTuple):
    """What decides in place of the verb alone."""

    may: bool
    action: str
    perimeter: str
    """Where the action is lacking, by its dotted name."""


def further(
    rights: Rights, user: str, what: tuple[str, str], command: Any, stored: Summary | None
) -> Needed | None:
    """Return what decides on such a command, or None when the right to its verb does."""
    match command:
        case grant.Save():
            before = {stored.fields["perimeter"]} if stored else set()
            return _first(_over(rights, user, name) for name in sorted({command.perimeter, *before}))
        case grant.Delete() if stored is not None:
            return _over(rights, user, stored.fields["perimeter"])
        case perimeter.Save():
            return _first(_perimeter(rights, user, what[1], command))
        case workflow.Save():
            return _named(rights, user, what, command, stored)
        case workflow.Fork():
            return _first(_forked(rights, user, what[1], command.into))
        case shared_workspace.Save():
            return _first(_shared(rights, user, what[1], command))
    return None


def _first(needed: Iterable[Needed]) -> Needed:
    """Return the first that is lacking, or one of those that are there."""
    last = Needed(False, ADMIN, "")
    for last in needed:
        if not last.may:
            break
    return last


def _over(rights: Rights, user: str, name: str) -> Needed:
    """Need all rights over a perimeter of this dotted name."""
    place = rights.place(name)
    if place is None:
        around: Iterable[Place] = (ROOT,)
    elif place.sort == "entity":
        around = rights.places(place.name.partition("/")[0], place.name.partition("/")[2])
    elif place.sort == "custom":
        around = rights.places("perimeter", place.name)
    else:
        around = (ROOT, place)
    # not ("grant", ADMIN): who may do all to grants may not do all to what they are about
    return Needed(_is_admin(rights, user, around), ADMIN, name)


def _is_admin(rights: Rights, user: str, places: Iterable[Place]) -> bool:
    held = rights.held(user)
    return any(ADMIN in held.get(place, ()) for place in places)


def _of(rights: Rights, user: str, kind: str, id: str, action: str) -> Needed:
    may = rights.may(user, (kind, action), rights.places(kind, id))
    return Needed(may, action, f"{rights.node}.{kind}.{id}")


def _perimeter(rights: Rights, user: str, id: str, command: perimeter.Save) -> Iterable[Needed]:
    """Need the right to the perimeter or, for a new one, to that around it; and all over what comes in."""
    before = rights.perimeters.get(id)
    if before is None and command.within:
        places = [*rights.places("perimeter", id), *rights.customs([command.within])]
        may = rights.may(user, ("perimeter", "save"), places)
        yield Needed(may, "save", rights.path(command.within))
    else:
        yield _of(rights, user, "perimeter", id, "save")
    for entity in command.members:
        if before is None or entity not in before["members"]:
            yield _over(rights, user, f"{rights.node}.{entity.replace('/', '.')}")


def _named(
    rights: Rights, user: str, what: tuple[str, str], command: workflow.Save, stored: Summary | None
) -> Needed | None:
    """A workflow may come into being in a perimeter; later, only who may do all to it moves it."""
    before = () if stored is None else stored.fields.get(PERIMETERS, ())
    if set(before) == set(command.perimeters):
        return None
    wide, action = list(rights.places(*what)), ("workflow", "save")
    needed = [
        Needed(rights.may(user, action, [*wide, *rights.customs([name])]), "save", rights.path(name))
        for name in command.perimeters
        if name not in before
    ]
    if stored is not None:
        may = _is_admin(rights, user, [*wide, *rights.customs(before)])
        needed.append(Needed(may, ADMIN, f"{rights.node}.workflow.{what[1]}"))
    return _first(needed)


def _forked(rights: Rights, user: str, id: str, into: str) -> Iterable[Needed]:
    """Need the right to make the other one, which is in the perimeters of this one."""
    yield _of(rights, user, "workflow", id, "fork")
    wide, action = [*rights.places("workflow", into)], ("workflow", "save")
    names = rights.named(f"workflow/{id}")
    for name in names:
        may = rights.may(user, action, [*wide, *rights.customs([name])])
        yield Needed(may, "save", rights.path(name))
    if not names:
        yield Needed(rights.may(user, action, wide), "save", f"{rights.node}.workflow.{into}")


def _shared(rights: Rights, user: str, id: str, command: shared_workspace.Save) -> Iterable[Needed]:
    """Need the right to write what the peers will see, and may write."""
    yield _of(rights, user, "shared_workspace", id, "save")
    for name in command.workflows:
        yield _of(rights, user, "workflow", name, "save")
    for name in command.workspaces:
        yield _of(rights, user, "workspace", name, "save")
