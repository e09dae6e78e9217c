"""Answers to questions: the state of an entity, its history, listings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from actors.actor import Actor, Rejected, Turn
from messages.base import encode
from messages.copies import copy_id
from messages.envelope import OPERATOR, PEER, Address, Outcome, instant, micros, rfc3339
from messages.subjects import is_token
from node.engine import Engine
from node.explain import ASK_SECONDS, AskPeer
from store.queries import COLUMNS, Filter, history, listing
from store.store import Store

PAGE = 50
INTEGER = 2**63 - 1
"""The largest number that a listing compares."""
ALIASES = {
    "execution": {"workflow": "parent", "state": "status"},
    "peer": {"state": "status"},
}
"""What the wire calls the columns of a kind's listing."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of a listing besides equal fields."""

    since: datetime | None = msgspec.field(name="from", default=None)
    until: datetime | None = msgspec.field(name="to", default=None)
    labels: dict[str, str] = {}
    order: str = "id"
    """id, at, name, status or version; a leading ``-`` turns it around."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = PAGE
    cursor: str = ""


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of a history is asked for."""

    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 500


class Asker(NamedTuple):
    """Who asks, and when."""

    at: int
    """In microseconds since 1970."""
    peer: str = ""
    """Nothing: a client of our own bus."""

    def turn(self, me: Address, node: str) -> Turn:
        """Return what an entity is given of the question besides what is asked."""
        sender = PEER + self.peer if self.peer else OPERATOR
        return Turn(me=me, node=node, message="", at=instant(self.at), sender=sender)


class Answers:
    """Answers the questions about the entities of one node."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        actors: Sequence[Actor[Any, Any, Any]],
        ask_peer: AskPeer | None = None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._actors = {actor.kind: actor for actor in actors}
        self._ask_peer = ask_peer

    async def answer(self, kind: str, id: str, query: str, body: bytes, now: int) -> bytes:
        """Return the JSON of the answer, or of a refusal; what only a peer knows, it is asked for."""
        return await self._reply((kind, id, query), body, Asker(now))

    async def answer_peer(self, kind: str, id: str, query: str, body: bytes, asker: Asker) -> bytes:
        """Return what a peer is told: of ourselves alone, and only what peers may ask."""
        actor = self._actors.get(kind)
        question = actor.questions.get(query) if actor is not None else None
        if question is None or not question.peers_may_ask:
            return refusal(kind, id, Rejected("not_granted", f"peers may not ask {query}"))
        return await self._reply((kind, id, query), body, asker)

    async def _reply(self, what: tuple[str, str, str], body: bytes, asker: Asker) -> bytes:
        kind, id, _ = what
        try:
            return encode(await self._answer(what, body, asker))
        except Rejected as no:
            return refusal(kind, id, no)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return refusal(kind, id, Rejected("invalid_message", str(error)))

    async def _answer(self, what: tuple[str, str, str], body: bytes, asker: Asker) -> Any:
        kind, id, query = what
        actor = self._actors.get(kind)
        if actor is None:
            raise Rejected("unknown_kind", f"no {kind}; there are {', '.join(sorted(self._actors))}")
        asked = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        if query == "list" and not id:
            return await self._list(kind, asked)
        id = id or str(asked.pop("id", ""))
        if "/" in id and query in actor.questions and self._ask_peer is not None and not asker.peer:
            return await _ask_owner(self._ask_peer, actor, (id, query), asked)
        kind, id = _whole(kind, id)
        actor = self._actors[kind]
        if query == "get":
            return await self._get(actor, id)
        if query == "history":
            return await self._history(kind, id, msgspec.convert(asked, History))
        question = actor.questions.get(query)
        if question is None:
            known = ", ".join(["get", "history", "list", *actor.questions])
            raise Rejected("unknown_query", f"{kind} has no question {query}; it has {known}")
        live = await self._engine.peek(kind, id)
        turn = asker.turn(Address(kind, id), self._engine.node)
        return question.answer(live.state, msgspec.convert(asked, question.query), turn)

    async def _get(self, actor: Actor[Any, Any, Any], id: str) -> dict[str, Any]:
        view = await self._view(actor, id)
        if view is None:
            raise Rejected("not_found", f"no {actor.kind} {id}")
        return view

    async def _view(self, actor: Actor[Any, Any, Any], id: str) -> dict[str, Any] | None:
        live = await self._engine.peek(actor.kind, id)
        view = actor.view(live.state) if live.version else None
        if view is None:
            return None
        shown: dict[str, Any] = msgspec.to_builtins(view)
        shown.pop("type" if shown.get("type") == actor.kind else "", None)
        heading: dict[str, Any] = {"kind": actor.kind, "id": id, "version": live.version}
        return heading | shown | heading  # what a peer put into a copy does not rename it

    async def _history(self, kind: str, id: str, asked: History) -> dict[str, Any]:
        rows = await history(self._store, kind, id, asked.after, asked.limit)
        if not rows and not asked.after:
            raise Rejected("not_found", f"no {kind} {id} was ever written")
        events = [row | {"body": msgspec.Raw(row["body"]), "at": rfc3339(row["at"])} for row in rows]
        return {"kind": kind, "id": id, "events": events}

    async def _list(self, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = _filter(kind, asked)
        found, places = await listing(self._store, wanted)
        items = []
        for entity in found:
            view = await self._view(self._actors[entity.kind], entity.id)
            items.append((view or {}) | {"kind": kind, "id": entity.row.shown_id})
        cursor = ""
        if len(found) == wanted.limit:
            cursor = msgspec.json.encode(places[-1]).hex()
        return {"kind": kind, "items": items, "cursor": cursor}


async def _ask_owner(
    ask_peer: AskPeer, actor: Actor[Any, Any, Any], what: tuple[str, str], asked: dict[str, Any]
) -> Any:
    (owner, _, id), query = what[0].partition("/"), what[1]
    if not actor.questions[query].peers_may_ask:
        raise Rejected("not_granted", f"{owner} does not tell its peers {query}")
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await ask_peer(owner, actor.kind, id, query, asked)
    except TimeoutError:
        raise Rejected("unreachable", f"{owner} did not answer in {ASK_SECONDS:g} s; ask again") from None


def _filter(kind: str, asked: dict[str, Any]) -> Filter:
    names = set(Listing.__struct_encode_fields__)
    page = msgspec.convert({name: value for name, value in asked.items() if name in names}, Listing)
    aliases = ALIASES.get(kind, {})
    rest = {aliases.get(name, name): value for name, value in asked.items() if name not in names}
    columns: dict[str, str] = {name: str(rest.pop(name)) for name in COLUMNS if name in rest}
    order = page.order.removeprefix("-")
    if order not in ("id", "at", "name", "status", "version"):
        raise Rejected(
            "invalid_message", f"order is id, at, name, status or version, not {order}", at="/order"
        )
    _check_equals(page.labels, "/labels")
    _check_equals(rest, "")
    return Filter(
        kind=kind,
        columns=columns,
        labels=page.labels,
        fields=rest,
        since=None if page.since is None else micros(page.since),
        until=None if page.until is None else micros(page.until),
        order=order,
        is_descending=page.order.startswith("-"),
        limit=page.limit,
        after=_place(page.cursor),
    )


def _check_equals(asked: Mapping[str, Any], at: str) -> None:
    """Refuse what no field can be equal to, or cannot be asked for."""
    for name, value in asked.items():
        here = f"{at}/{name}"
        if '"' in name:
            raise Rejected("invalid_message", "a name with a quotation mark cannot be asked for", at=here)
        if isinstance(value, dict):
            _check_equals(value, here)
        elif (
            not isinstance(value, str | int | float) or abs(value if isinstance(value, int) else 0) > INTEGER
        ):
            raise Rejected("invalid_message", "ask for a text, a number or a boolean", at=here)


def _place(cursor: str) -> tuple[str | int, str] | None:
    if not cursor:
        return None
    try:
        return msgspec.json.decode(bytes.fromhex(cursor), type=tuple[str | int, str])
    except ValueError:
        raise Rejected("invalid_message", "the cursor is not one of ours", at="/cursor") from None


def _whole(kind: str, id: str) -> tuple[str, str]:
    """Return the entity that an id means: ``owner/id`` is our copy of another node's."""
    owner, slash, rest = id.partition("/")
    if slash and is_token(owner) and is_token(rest):
        return "copy", copy_id(owner, kind, rest)
    if not is_token(id):
        raise Rejected("invalid_message", "an id has 1 to 64 letters, digits, - or _", at="/id")
    return kind, id


def refusal(kind: str, id: str, no: Rejected) -> bytes:
    """Return the answer to a question that has none."""
    return encode(
        Outcome(
            status="rejected",
            kind=kind,
            id=id,
            version=0,
            code=no.code,
            detail=no.detail,
            at=no.at,
            extra=dict(no.extra),
        )
    )
