"""Who may say and ask what, of everything there is: each cell is decided as a node decides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from actors import ACTORS
from actors.actor import Actor, Summary
from actors.rights.judging import NODE, Asked, action_of, forbidden
from actors.rights.rights import ADMIN, READ, Rights
from messages import grant, perimeter, shared_workspace, workflow
from messages.base import tag
from messages.envelope import ACTOR, NOBODY, OPERATOR, PEER

LAB = "lab"
IN, OUT = "it", "another"
"""The ids of two entities of each kind: one in the perimeter ``storms``, one in ``elsewhere``."""
YES, INSIDE, NO = "yes", "inside", "-"
ROLES: Mapping[str, str] = {
    "node": "an actor of the node itself, or an alarm",
    "peer": "another node, through its gateway",
    "unsigned": "who speaks unsigned over our own bus, with `--unsigned admin`",
    "closed": "the same with `--unsigned nobody`",
    "admin": f"a user with `{ADMIN}` in `{LAB}`, the root",
    "kind": f"a user with `{ADMIN}` in `{LAB}.<kind>`",
    "holder": f"a user with `{ADMIN}` in `{LAB}.storms`, through a group within a group",
    "reader": f"a user with `{READ}` in `{LAB}.storms`",
    "doer": f"a user with only the action of the row in `{LAB}.storms`",
    "other": f"a user with `{ADMIN}` in `{LAB}.elsewhere`, and none in `{LAB}.storms`",
    "none": "a user without rights",
    "inactive": f"a user with `{ADMIN}` in `{LAB}` who is not active",
    "unknown": "whoever signs with a key of nobody, or wrongly",
}
SENDERS = {
    "node": ACTOR,
    "peer": f"{PEER}centre",
    "unsigned": OPERATOR,
    "closed": OPERATOR,
    "unknown": NOBODY,
}
_KEY = {"public_key": "", "user_type": "person", "active": True}


class Row(NamedTuple):
    """One command or question."""

    kind: str
    verb: str
    is_question: bool
    action: str
    """What a grant must name; nothing: no grant helps."""
    cells: Mapping[str, str]
    """For each role: everywhere, only in the perimeter that its right is in, or nowhere."""


def rows() -> Iterator[Row]:
    """Yield everything that can be said and asked."""
    for actor in ACTORS:
        for command in actor.commands:
            yield _row(actor, actor.kind, tag(command).partition(".")[2], command)
        for query in ("get", "list", "history", *actor.questions):
            yield _row(actor, actor.kind, query, None)
    from node.operate import QUERIES  # noqa: PLC0415  only who prints the table needs it

    for query in QUERIES:
        yield _row(None, NODE, query, None)


def _row(actor: Actor[Any, Any, Any] | None, kind: str, verb: str, command: Any) -> Row:
    is_internal = actor is not None and command is not None and verb in actor.internal
    action = "" if is_internal else action_of(Asked("", kind, IN, verb, command))
    rights = _rights(kind, action)
    cells = {role: _cell(rights, actor, (role, kind, verb), command) for role in ROLES}
    return Row(kind, verb, command is None, action, cells)


def _cell(
    rights: Rights, actor: Actor[Any, Any, Any] | None, what: tuple[str, str, str], command: Any
) -> str:
    role, kind, verb = what
    told = rights if role != "closed" else _closed(rights)
    may = {
        id: forbidden(
            told,
            actor,
            Asked(SENDERS.get(role, f"user/{role}"), kind, id, verb, _said(command, id), _stored(kind, id)),
        )
        is None
        for id in (IN, OUT)
    }
    if may[IN] and may[OUT]:
        return YES
    return INSIDE if may[IN] or may[OUT] else NO


def _closed(rights: Rights) -> Rights:
    return Rights(rights.node, is_open=False)


def _rights(kind: str, action: str) -> Rights:
    """Return a node where each role has its one right."""
    rights = Rights(LAB)
    for role in ROLES:
        if role not in SENDERS:
            rights = rights.note("user", role, {**_KEY, "public_key": role, "active": role != "inactive"})
    rights = rights.note("group", "crew", {"members": ["user/holder"]})
    rights = rights.note("group", "team", {"members": ["group/crew"]})
    kinds = [*(actor.kind for actor in ACTORS)]
    for name, id in (("storms", IN), ("elsewhere", OUT)):
        members = [f"{one}/{id}" for one in kinds]
        rights = rights.note("perimeter", name, {"within": "", "members": members})
    given: list[tuple[str, str, Sequence[str]]] = [
        *(("user/admin", LAB, [ADMIN]), ("user/inactive", LAB, [ADMIN])),
        *(("user/kind", f"{LAB}.{kind}", [ADMIN]), ("group/team", f"{LAB}.storms", [ADMIN])),
        *(("user/reader", f"{LAB}.storms", [READ]), ("user/other", f"{LAB}.elsewhere", [ADMIN])),
        *([("user/doer", f"{LAB}.storms", [action])] if action else []),
    ]
    for number, (to, place, actions) in enumerate(given):
        rights = rights.note("grant", str(number), {"to": to, "perimeter": place, "actions": actions})
    return rights


def _said(command: Any, id: str) -> Any:
    """Return the command, with what it says where that matters."""
    place = "storms" if id == IN else "elsewhere"
    if command is grant.Save:
        return grant.Save(to="user/none", perimeter=f"{LAB}.{place}", actions=(READ,))
    if command is perimeter.Save:
        return perimeter.Save(members=(f"workflow/{id}",))
    if command is workflow.Save:
        return workflow.Save(name="Forecast")
    if command is workflow.Fork:
        return workflow.Fork(into=f"{id}_2", name="Another")
    if command is shared_workspace.Save:
        return shared_workspace.Save(name="Storms", workflows=(id,))
    return command() if command is grant.Delete else command


def _stored(kind: str, id: str) -> Summary | None:
    """Return what is stored of an entity, where that matters."""
    place = "storms" if id == IN else "elsewhere"
    return Summary(fields={"perimeter": f"{LAB}.{place}"}) if kind == "grant" else None


def markdown() -> str:
    """Return the table, a chapter a kind."""
    lines = ["| role | who it is |", "| --- | --- |", *(f"| {role} | {who} |" for role, who in ROLES.items())]
    before = ""
    for row in rows():
        if row.kind != before:
            lines += [
                "",
                f"### {row.kind}",
                "",
                _line("", "action", *ROLES),
                _line(*["---"] * (len(ROLES) + 2)),
            ]
            before = row.kind
        mark = f"{row.verb}?" if row.is_question else row.verb
        lines.append(_line(mark, row.action or "-", *row.cells.values()))
    return "\n".join([*lines, ""])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
