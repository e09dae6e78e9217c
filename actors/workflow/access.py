"""Who may fire a trigger that names a group: its members, and who has all rights over the workflow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.actor import Rejected, Summary
from actors.rights.judging import is_free, stranger
from actors.rights.rights import ADMIN, PERIMETERS, Known, Rights
from messages.triggers import AnyTrigger, ManualTrigger, Timed
from messages.workflow import MANUAL

ACCESS = "access"
"""The field of a workflow's summary that tells whom it lets in."""
SCHEDULE = "schedule"
NOT_SIGNED = "who fires it has to sign that; a request is signed by: covey route call"


def find(triggers: Iterable[AnyTrigger], id: str) -> AnyTrigger | None:
    """Return the trigger of this id."""
    return next((one for one in triggers if one.id == id), None)


def groups(triggers: Sequence[AnyTrigger], named: str) -> tuple[str, ...]:
    """Return the groups of which one has to let in who launches by hand; none: whoever may launch.

    ``manual`` stands for whichever manual trigger lets him in; raises Rejected when no trigger has the name.
    """
    found = find(triggers, named)
    if found is None and named != MANUAL:
        known = ", ".join(one.id for one in triggers) or "none"
        detail = f"it has no trigger {named}, it has {known}; name one of them, or leave it out"
        raise Rejected("unknown_trigger", detail, at="/trigger")
    fired = [found] if found else [one for one in triggers if isinstance(one, ManualTrigger)]
    needed = [one.access for one in fired if one.access is not None]
    return tuple(needed) if len(needed) == len(fired) else ()


def check(rights: Rights, sender: str, workflow: str, groups: Sequence[str]) -> None:
    """Raise Rejected when none of the groups lets somebody in; without groups everybody is."""
    if not groups:
        return
    if not sender:
        raise Rejected("not_signed", NOT_SIGNED)
    refusal = None if is_free(rights, sender) else stranger(rights, sender)
    if refusal is not None:
        raise refusal
    named, there = " or ".join(groups), [one for one in groups if one in rights.groups]
    if not there:
        # nor may an admin: he can name another group, but not say whom this one was for
        detail = f"the group {named}, whose members may fire it, is no more: name another in its access"
        raise Rejected("not_granted", detail)
    if not is_free(rights, sender):
        _check_member(rights, sender, workflow, there)


def _check_member(rights: Rights, sender: str, workflow: str, groups: Sequence[str]) -> None:
    user, named = sender.partition("/")[2], " or ".join(groups)
    is_member = not rights.holders(user).isdisjoint(f"group/{one}" for one in groups)
    if not is_member and not rights.may(user, ("workflow", ADMIN), rights.places("workflow", workflow)):
        detail = f"{sender} is not in {named}, whose members may fire it: covey group add {groups[0]} {user}"
        raise Rejected("not_granted", detail, extra={"groups": list(groups)})


def shown(triggers: Sequence[AnyTrigger]) -> dict[str, list[str]]:
    """Return what others need to know of it before they begin a run: whom it lets in, if not everybody."""
    time = next((one.access for one in triggers if isinstance(one, Timed)), None)
    found = {MANUAL: list(groups(triggers, MANUAL)), SCHEDULE: [] if time is None else [time]}
    return {name: names for name, names in found.items() if names}


def check_launch(rights: Rights, sender: str, workflow: str, summary: Summary) -> None:
    """Raise Rejected when somebody who may launch another workflow may not launch this one."""
    places = rights.places("workflow", workflow, Known(within=summary.fields.get(PERIMETERS, ())))
    user = sender.partition("/")[2]
    if not is_free(rights, sender) and not rights.may(user, ("workflow", "launch"), places):
        place = f"{rights.node}.workflow.{workflow}"
        detail = f"{sender} has no right launch in {place}: covey grant give {user} {place} launch"
        raise Rejected("not_granted", detail, extra={"perimeter": place, "action": "launch"})
    check(rights, sender, workflow, summary.fields.get(ACCESS, {}).get(MANUAL, ()))


def check_proposed(present: Sequence[AnyTrigger], proposed: Sequence[AnyTrigger]) -> None:
    """Raise Rejected when a peer would change who may fire what."""
    if _guarded(present) != _guarded(proposed):
        detail = "who may fire a trigger is the owner's business: leave those with access as they are"
        raise Rejected("not_granted", detail, at="/triggers")


def _guarded(triggers: Sequence[AnyTrigger]) -> dict[str, AnyTrigger]:
    return {one.id: one for one in triggers if one.access is not None}
