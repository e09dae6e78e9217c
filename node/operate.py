"""What an operator asks of the node itself: invitations, dead letters, cascades, its health."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from actors.actor import Rejected
from actors.rights.judging import NODE, Asked, forbidden
from bus.connection import Bus
from bus.sealing import ALGORITHM, key_name
from messages.base import encode
from messages.envelope import ACTOR, OPERATOR, Address, Envelope, derive, rfc3339
from node.answers import Asker, refusal
from node.engine import Engine
from node.examining import Examiner
from node.explain import Explain, explain
from node.intake import Intake
from node.meeting import Meeting
from node.questions import Questions
from node.standing import QUERIES as STANDING
from node.standing import told
from node.vault import Vault
from store.queries import cascade, dead_letter, dead_letters, figures, settle_dead_letter
from store.store import Store


class Invite(msgspec.Struct, forbid_unknown_fields=True):
    """Ask for an invitation for a node of this name."""

    peer: str


class Accept(msgspec.Struct, forbid_unknown_fields=True):
    """Accept an invitation."""

    token: str


class Trace(msgspec.Struct, forbid_unknown_fields=True):
    """Ask for the cascade that a message belongs to."""

    id: str


class DeadLetters(msgspec.Struct, forbid_unknown_fields=True):
    """Ask for dead letters."""

    state: str = "dead"
    after: int = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50


class DeadLetter(msgspec.Struct, forbid_unknown_fields=True):
    """Name one dead letter."""

    position: int


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Ask without saying more."""


ASKED: dict[str, type[Any]] = {
    "invite": Invite,
    "accept": Accept,
    "trace": Trace,
    "dead_letters": DeadLetters,
    "dead_letter": DeadLetter,
    "retry": DeadLetter,
    "discard": DeadLetter,
    "health": Nothing,
    "explain": Explain,
    "secret_key": Nothing,
}
QUERIES = {**ASKED, **STANDING}
"""Everything that the node itself can be asked, with what the question says."""

SyncAlways = Callable[[], Awaitable[bool | None]]
"""Asks the server whether it syncs every write; None: it does not tell us."""

Answer = Callable[[Any], Awaitable[Any]]


class Operations:
    """Answers ``covey.<node>.ask.node.<query>``."""

    def __init__(
        self,
        node: str,
        parts: tuple[Store, Bus, Intake, Meeting, Engine, Questions, Examiner],
        streams: Any,
        asides: tuple[Callable[[], int], SyncAlways, Vault, Callable[[], Awaitable[Any]] | None],
    ) -> None:
        self._node = node
        self._store, self._bus, self._intake, self._meeting, self._engine, self._questions, examiner = parts
        self._examined = examiner.examined
        self._streams = streams
        self._clock, self._sync_always, self._vault, self._isolation = asides
        answers: tuple[Answer, ...] = (
            *(self._invite, self._accept, self._trace, self._dead_letters, self._dead_letter),
            *(self._retry, self._discard, self._health, self._explain, self._secret_key),
        )
        self._answers = dict(zip(ASKED, answers, strict=True))

    async def answer(self, query: str, body: bytes, asker: Asker) -> bytes:
        """Return the JSON of the answer, or of a refusal."""
        try:
            refused = forbidden(self._engine.rights, None, Asked(asker.sender, NODE, "", query))
            if refused is not None:
                raise refused
            if query in STANDING:
                return encode(told(self._engine.rights, asker.sender, query, body))
            if query not in ASKED:
                raise Rejected("unknown_query", f"there is no {query}; there are {', '.join(QUERIES)}")
            asked = msgspec.json.decode(body or b"{}", type=ASKED[query])
            if isinstance(asked, Explain):
                return encode(await self._explain(asked, asker.sender))
            return encode(await self._answers[query](asked))
        except Rejected as no:
            return refusal("node", self._node, no)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return refusal("node", self._node, Rejected("invalid_message", str(error)))

    async def _invite(self, asked: Invite) -> dict[str, Any]:
        token = await self._meeting.invite(asked.peer)
        return {"peer": asked.peer, "token": token, "account": self._meeting.account_to_add(asked.peer)}

    async def _accept(self, asked: Accept) -> dict[str, Any]:
        peer = await self._meeting.accept(asked.token)
        return {"peer": peer, "account": self._meeting.account_to_add(peer)}

    async def _trace(self, asked: Trace) -> dict[str, Any]:
        rows = await cascade(self._store, asked.id)
        messages = [
            row | {"at": rfc3339(row["at"]), "outcome": msgspec.json.decode(row["outcome"])} for row in rows
        ]
        return {"node": self._node, "messages": messages}

    async def _explain(self, asked: Explain, sender: str = ACTOR) -> dict[str, Any]:
        asides = (self._clock(), self._questions.ask, self._examined)
        return await explain(asked, self._engine, self._node, asides, sender)

    async def _dead_letters(self, asked: DeadLetters) -> dict[str, Any]:
        rows = await dead_letters(self._store, asked.state, asked.after, asked.limit)
        return {"items": [_shown(row) for row in rows]}

    async def _dead_letter(self, asked: DeadLetter) -> dict[str, Any]:
        return _shown(await self._one(asked))

    async def _retry(self, asked: DeadLetter) -> dict[str, Any]:
        row = await self._one(asked)
        if row["state"] != "dead":
            raise Rejected("state_conflict", f"it is {row['state']} already")
        if row["code"] == "too_large":
            raise Rejected("too_large", "only the beginning of its body was kept; say it anew, in less")
        kind, id, verb = row["subject"].split(".")
        kept = msgspec.json.decode(row["headers"])
        envelope = Envelope(
            id=derive(row["message"], "retry"),  # so that a retry which was cut short is done once
            to=Address(kind, id),
            verb=verb,
            body=row["body"],
            at=self._clock(),
            sender=kept.get("sender", OPERATOR),
            cause=row["message"],
            correlation=kept.get("correlation") or row["message"],
            expect=kept.get("expect"),
        )
        outcome = msgspec.json.decode(await self._intake.call(envelope))
        await settle_dead_letter(self._store, asked.position, "retried")
        return {"position": asked.position, "outcome": outcome}

    async def _discard(self, asked: DeadLetter) -> dict[str, Any]:
        row = await self._one(asked)
        if not await settle_dead_letter(self._store, asked.position, "discarded"):
            raise Rejected("state_conflict", f"it is {row['state']} already")
        return {"position": asked.position, "state": "discarded"}

    async def _one(self, asked: DeadLetter) -> dict[str, Any]:
        row = await dead_letter(self._store, asked.position)
        if row is None:
            raise Rejected("not_found", f"no dead letter {asked.position}", at="/position")
        return row

    async def _secret_key(self, _asked: Nothing) -> dict[str, Any]:
        public = self._vault.public()
        told = base64.b64encode(public).decode()
        return {"algorithm": ALGORITHM, "key": key_name(public), "public_key": told}

    async def _health(self, _asked: Nothing) -> dict[str, Any]:
        server = self._bus.server_info()
        return {
            "node": self._node,
            "server": {"version": server.version, "url": server.url, "name": server.name},
            "sync_always": await self._sync_always(),
            "drift": await self._bus.drift(self._streams),
            "stalls": self._bus.stalls,
            "links": self._meeting.linked(),
            "handled": self._intake.handled,
            "jobs": None if self._isolation is None else await self._isolation(),
            **await figures(self._store),
        }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "headers": msgspec.json.decode(row["headers"]),
        "body": row["body"].decode(errors="replace"),
        "at": rfc3339(row["at"]),
    }
