"""Answers to questions: the state of an entity, its history, listings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from actors.actor import Actor, Rejected, Turn
from actors.rights.judging import Asked, forbidden, is_free, stranger
from actors.rights.rights import Readable
from messages.base import encode
from messages.copies import copy_id
from messages.envelope import ACTOR, PEER, Address, Outcome, instant
from messages.subjects import is_token
from messages.wording import worded
from node.engine import Engine
from node.filters import read_filter
from node.history import History, tell
from node.live import Live
from node.questions import ASK_SECONDS, AskPeer
from node.refusals import check_kind
from store.queries import Within, listing
from store.store import Store

WAIT_SECONDS = 30.0
"""How long an asker waits for an answer to be final who does not say how long (``timeout``)."""
WAIT_SECONDS_MAX = 60.0
LIST_BYTES_MAX = 512 * 1024
"""How much of a listing is told at once: half of what a broker takes."""


Complete = Callable[[Any], Awaitable[Any]]


class Asker(NamedTuple):
    """Who asks, and when."""

    at: int
    """In microseconds since 1970."""
    sender: str = ACTOR
    """As of a command; the node itself may ask all."""

    @property
    def is_peer(self) -> bool:
        """Whether another node asks."""
        return self.sender.startswith(PEER)

    def turn(self, me: Address, node: str) -> Turn:
        """Return what an entity is given of the question besides what is asked."""
        return Turn(me=me, node=node, message="", at=instant(self.at), sender=self.sender)


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
        self.completes: dict[tuple[str, str], Complete] = {}
        """By kind and query, what adds to an answer that which only the world outside has."""

    async def answer(self, kind: str, id: str, query: str, body: bytes, now: int) -> bytes:
        """Return what the node itself wants to know, as it would be told to whoever may ask all."""
        return await self.reply((kind, id, query), body, Asker(now))

    async def reply(self, what: tuple[str, str, str], body: bytes, asker: Asker) -> bytes:
        """Return the JSON of the answer to (kind, id, query), or of a refusal.

        What only a peer knows, it is asked for; a peer is told of ourselves alone.
        """
        kind, id, _ = what
        try:
            return encode(await self._answer(what, body, asker))
        except Rejected as no:
            return refusal(kind, id, no)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return refusal(kind, id, Rejected("invalid_message", worded(error)))

    async def _answer(self, what: tuple[str, str, str], body: bytes, asker: Asker) -> Any:
        kind, id, query = what
        actor = self._actors.get(kind)
        if asker.is_peer:
            self._admit(actor, Asked(asker.sender, kind, id, query))
        if actor is None:
            raise Rejected("unknown_kind", f"no {kind}; there are {', '.join(sorted(self._actors))}")
        asked = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        if query == "list" and not id:
            return await self._list(kind, asked, asker)
        id = id or str(asked.pop("id", ""))
        if "/" in id and query in actor.questions and self._ask_peer is not None and not asker.is_peer:
            await self._admit_to(self._actors["copy"], _whole(kind, id)[1], query, asker)
            return await _ask_owner(self._ask_peer, actor, (id, query), asked)
        kind, id = _whole(kind, id)
        actor = self._actors[kind]
        await self._admit_to(actor, id, query, asker)
        if query == "get":
            return await self._get(actor, id)
        if query == "history":
            await self._look(actor, id)
            return await tell(self._store, actor, id, msgspec.convert(asked, History))
        question = actor.questions.get(query)
        if question is None:
            known = ", ".join(["get", "history", "list", *actor.questions])
            raise Rejected("unknown_query", f"{kind} has no question {query}; it has {known}")
        about = msgspec.convert(asked, question.query)
        if question.waits is not None and not asker.is_peer:
            await self._wait(actor, id, question.waits, getattr(about, "timeout", WAIT_SECONDS))
        live = await self._look(actor, id)
        found = question.answer(live.state, about, asker.turn(Address(kind, id), self._engine.node))
        complete = self.completes.get((kind, query))
        return found if complete is None else await complete(found)

    async def _admit_to(self, actor: Actor[Any, Any, Any], id: str, query: str, asker: Asker) -> None:
        """Raise Rejected when one may not ask that of an entity."""
        if not is_free(self._engine.rights, asker.sender) and not asker.is_peer:
            live = await self._engine.peek(actor.kind, id)
            self._admit(actor, Asked(asker.sender, actor.kind, id, query, summary=live.summary))

    def _admit(self, actor: Actor[Any, Any, Any] | None, asked: Asked) -> None:
        no = forbidden(self._engine.rights, actor, asked)
        if no is not None:
            raise no

    def _readable(self, actor: Actor[Any, Any, Any], asker: Asker) -> Readable:
        """Return what of a kind the asker may be shown; raises Rejected when it may ask nothing at all."""
        rights, sender = self._engine.rights, asker.sender
        if is_free(rights, sender):
            return Readable(is_all=True)
        if (no := stranger(rights, sender)) is not None:
            raise no
        return rights.readable(sender.partition("/")[2], actor.kind, actor.belongs_to)

    async def _look(self, actor: Actor[Any, Any, Any], id: str) -> Live:
        """Return an entity; refuse one that its kind hides, and an id that another of its family has."""
        live = await self._engine.peek(actor.kind, id)
        if not live.version and actor.family:
            check_kind((actor.kind, id), await self._engine.relative(actor.kind, id))
        if _is_hidden(actor, live):
            raise Rejected("not_found", f"{actor.kind} {id} was deleted")
        return live

    async def _wait(
        self, actor: Actor[Any, Any, Any], id: str, can_tell: Callable[[Any], bool], seconds: float
    ) -> None:
        """Return once there is an answer, or when the time is up."""
        if actor.family:
            await self._look(actor, id)  # else one of another kind with this id would be waited for in vain

        async def is_over() -> bool:
            live = await self._engine.peek(actor.kind, id)
            return can_tell(live.state) or _is_hidden(actor, live)

        await self._engine.waiting.until((actor.kind, id), is_over, min(seconds, WAIT_SECONDS_MAX))

    async def _get(self, actor: Actor[Any, Any, Any], id: str) -> dict[str, Any]:
        view = self._view(actor, id, await self._look(actor, id))
        if view is None:
            raise Rejected("not_found", f"there is no {actor.kind.replace('_', ' ')} {id}")
        return view

    def _view(self, actor: Actor[Any, Any, Any], id: str, live: Live) -> dict[str, Any] | None:
        view = actor.view(live.state) if live.version else None
        if view is None:
            return None
        shown: dict[str, Any] = msgspec.to_builtins(view)
        shown.pop("type" if shown.get("type") == actor.kind else "", None)
        heading: dict[str, Any] = {"kind": actor.kind, "id": id, "version": live.version}
        return heading | shown | heading  # what a peer put into a copy does not rename it

    async def _list(self, kind: str, asked: dict[str, Any], asker: Asker) -> dict[str, Any]:
        wanted = read_filter(self._actors[kind], asked)
        readable = self._readable(self._actors[kind], asker)
        if not readable.is_all:
            within = Within(tuple(readable.entities), tuple(readable.parents))
            wanted = msgspec.structs.replace(wanted, within=within)
        found, places = await listing(self._store, wanted)
        items: list[msgspec.Raw] = []
        size = 0
        for entity in found:
            live = await self._engine.peek(entity.kind, entity.id)
            view = self._view(self._actors[entity.kind], entity.id, live)
            item = msgspec.Raw(encode((view or {}) | {"kind": kind, "id": entity.row.shown_id}))
            size += len(item)
            if items and size > LIST_BYTES_MAX:
                break
            items.append(item)
        cursor = ""
        if items and (len(items) < len(found) or len(found) == wanted.limit):
            cursor = msgspec.json.encode(places[len(items) - 1]).hex()
        return {"kind": kind, "items": items, "cursor": cursor}


def _is_hidden(actor: Actor[Any, Any, Any], live: Live) -> bool:
    return actor.hides_deleted and live.version > 0 and live.summary is None


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
