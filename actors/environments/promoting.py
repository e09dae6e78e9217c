"""Whether a workflow may go from one environment to another: all that has to be so, looked at together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from actors.definition.uses import Use, uses
from actors.rights import behalf
from actors.rights.judging import is_free
from actors.rights.rights import Known, Rights
from messages.promotion import Begun, Check, Facts

ARROW = " → "


def checks(begun: Begun, facts: Facts, rights: Rights) -> tuple[Check, ...]:
    """Return all checks, those that are met too."""
    found = [
        right(rights, begun.by, begun),
        *_behalf(rights, begun),
        policy(begun.environment, begun.to, facts.follows),
    ]
    if begun.to in facts.follows:
        found += [_use(one, begun.to, facts) for one in uses(begun.definition)]
    found += [Check(what="expression", is_met=False, at=at, detail=why) for at, why in facts.unread.items()]
    return tuple(found)


def right(rights: Rights, by: str, begun: Begun) -> Check:
    """Check that somebody may promote into the target; over the workflow itself it was judged before."""
    places = [
        *rights.places("workflow", begun.into, Known(within=begun.definition.perimeters)),
        *rights.places("environment", begun.to),
    ]
    user = "" if rights.user(by) is None else by.partition("/")[2]
    if is_free(rights, by) or (user and rights.may(user, ("workflow", "promote"), places)):
        return Check(what="right", name=by, is_met=True)
    where = f"{rights.node}.environment.{begun.to}"
    remedy = f"an admin gives it with: covey grant give {by.partition('/')[2]} {where} promote"
    return Check(
        what="right", name=by, is_met=False, at="/to", detail=f"it has no right promote in {where}; {remedy}"
    )


def _behalf(rights: Rights, begun: Begun) -> list[Check]:
    """Check that who promotes may do by hand what the workflow has others do; return what he may not."""
    wanted = behalf.acts(begun.definition.definition)
    return [
        Check(what="right", name=begun.by, is_met=False, at=act.at, detail=why.detail)
        for act, why in behalf.all_lacking(rights, begun.by, wanted)
    ]


def policy(source: str, target: str, follows: Mapping[str, Sequence[str]]) -> Check:
    """Check that one environment may follow the other; says which way is allowed."""
    why = _forbidden(source, target, follows)
    name = f"{source}{ARROW}{target}"
    return Check(what="policy", name=name, is_met=not why, at="/to" if why else "", detail=why)


def _forbidden(source: str, target: str, follows: Mapping[str, Sequence[str]]) -> str:
    if target not in follows:
        return f"there is no environment {target}: covey environment create {target}"
    if source == target:
        return f"it is in {target} already"
    if source in follows[target]:
        return ""
    after = ", ".join(follows[target]) or "nothing"
    found = way(source, target, follows)
    if found:
        return f"{target} follows {after}; the way is {ARROW.join(found)}"
    return f"{target} follows {after}; to allow it: covey environment policy {target} --follows {source}"


def way(source: str, target: str, follows: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the shortest way from one environment to another that the policy allows, or nothing."""
    waiting, came_from = deque([target]), {target: target}
    while waiting:
        here = waiting.popleft()
        if here == source:
            found = [here]
            while found[-1] != target:
                found.append(came_from[found[-1]])
            return found
        for before in follows.get(here, ()):
            if before not in came_from:
                came_from[before] = here
                waiting.append(before)
    return []


def _use(use: Use, target: str, facts: Facts) -> Check:
    detail = _missing(use, target, facts) if use.name else ""
    note = "" if use.name else f"which {use.what} it is, is computed: nobody can look"
    return Check(what=use.what, name=use.name, is_met=not detail, at=use.at, detail=detail or note)  # type: ignore[arg-type]  # a use is of what is checked


def _missing(use: Use, target: str, facts: Facts) -> str:
    """Return what is missing of something that is used, nothing when it is there."""
    match use.what:
        case "variable":
            return _unset(use, target, facts.variables)
        case "secret":
            return _unset(use, target, facts.secrets)
        case "connection":
            return _silent(use, target, facts)
    if facts.children.get(use.name):
        return ""
    return f"the workflow {use.name} is not in {target}: promote it first"


def _unset(use: Use, target: str, held: Mapping[str, bool]) -> str:
    if held.get(use.name):
        return ""
    state = "has no value" if use.name in held else "is not there"
    remedy = f"covey {use.what} set {use.name} --environment {target}"
    return f"the {use.what} {use.name} {state} in {target}: {remedy}"


def _silent(use: Use, target: str, facts: Facts) -> str:
    kind = facts.connections.get(use.name)
    remedy = f"covey connection set {use.name} --environment {target}"
    if kind is None:
        return f"the connection {use.name} is not there in {target}: {remedy}"
    if kind != use.kind:
        return f"the connection {use.name} is one of {kind} in {target}, not of {use.kind}: {remedy}"
    why = facts.silent.get(use.name)
    return f"the connection {use.name} of {target} does not answer: {why}" if why else ""
