"""In whose name something is done: what a definition names is judged as if its saver did it by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from actors.actor import Rejected, Turn
from actors.execution.graph import full
from actors.flow.fast import below, expression
from actors.flow.naming import named
from actors.flow.program import read
from actors.rights.judging import Asked, is_free, lacks, no
from actors.rights.rights import Place, Rights
from messages.envelope import PEER
from messages.workflow import Graph

VERBS: Final[Mapping[str, str]] = {"workflow": "launch", "job": "run", "routine": "run", "booking": "hold"}
"""What tasks have other entities do, by their kind: by hand it needs the right of this name."""
PEERS_DO = frozenset({"booking"})
"""The kinds to which a peer may say that by hand."""
TOLD_MAX = 50
"""How many refusals one refusal names."""


class Act(NamedTuple):
    """Something that is done to an entity by name."""

    kind: str
    id: str
    """Of a booking, that of the compute: ``node/id`` when it is another node's."""
    at: str = ""
    """Where it is named, as a JSON pointer."""


def acts(definition: Mapping[str, Any] | None) -> list[Act]:
    """Return what a definition has other entities do, as far as their names are written in it."""
    if definition is None:
        return []
    program = read(msgspec.json.encode(definition).decode())
    found = []
    for task in program.tasks.values():
        is_function = below("/use/functions", str(task.body.get("call"))) in program.tasks
        what = None if is_function else named(task.body)
        if what is not None and what.name and expression(what.name) is None:
            found.append(Act(what.kind, what.name, f"/definition{task.pointer}{what.at}"))
    return found


def booked(graph: Graph | None, demands: Mapping[str, int], node: str) -> list[Act]:
    """Return what the plan of a workflow books: ``demands`` are its units of compute, by ``node/id``."""
    items = {} if graph is None else graph.items
    return [
        Act("booking", full(item.resource, node), f"/graph/items/{id}/resource")
        for id, item in items.items()
        if item.resource is not None and full(item.resource, node) in demands
    ]


def lacking(rights: Rights, who: str, act: Act) -> Rejected | None:
    """Return why somebody may not do it, or None."""
    if is_free(rights, who):
        return None
    owner, slash, id = act.id.rpartition("/")
    is_ours = not slash or owner == rights.node
    if who.startswith(PEER):
        may = act.kind in PEERS_DO and (is_ours or who == PEER + owner)
        return None if may else no(f"{who} may not have {act.kind} {act.id} {VERBS[act.kind]}: {_REMEDY}")
    user = rights.user(who)
    if user is None or not user["active"]:
        return no(f"{act.kind} {act.id} is asked in the name of {who}, no active user here: {_REMEDY}")
    if is_ours:
        places, perimeter = rights.places(act.kind, id), f"{rights.node}.{act.kind}.{id}"
        action = VERBS[act.kind]
    else:  # what a partner has is where the partner is
        places = iter([*rights.places("peer", owner), Place("kind", act.kind)])
        perimeter, action = f"{rights.node}.peer.{owner}", f"{act.kind}.{VERBS[act.kind]}"
    if rights.may(who.partition("/")[2], (act.kind, VERBS[act.kind]), places):
        return None
    return lacks(rights, Asked(who, act.kind, act.id, VERBS[act.kind]), (action, perimeter))


_REMEDY = "have it saved by a user who may"


def all_lacking(rights: Rights, who: str, wanted: Iterable[Act]) -> list[tuple[Act, Rejected]]:
    """Return what somebody may not do, and why."""
    if is_free(rights, who):
        return []
    found = ((act, lacking(rights, who, act)) for act in wanted)
    return [(act, why) for act, why in found if why is not None]


def check_saved(rights: Rights, who: str, wanted: Sequence[Act]) -> None:
    """Raise Rejected, naming each place, when somebody saves what he might not do by hand."""
    wrong = all_lacking(rights, who, wanted)
    if wrong:
        act, why = wrong[0]
        told = [{"at": one.at, "detail": no.detail, **no.extra} for one, no in wrong[:TOLD_MAX]]
        detail = why.detail + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
        raise Rejected(why.code, detail, at=act.at, extra={**why.extra, "faults": told})


def takes_over(rights: Rights, before: str, who: str, wanted: Sequence[Act]) -> bool:
    """Say whether somebody who saves it again may have done what its saver may not any more."""
    is_left = bool(before) and bool(all_lacking(rights, before, wanted))
    return is_left and not all_lacking(rights, who, wanted)


def check(by: Iterable[str], act: Act, turn: Turn) -> None:
    """Raise Rejected unless all in whose names something is to be done may do it now."""
    for who in by:
        why = lacking(turn.rights, who, act)
        if why is not None:
            raise why
