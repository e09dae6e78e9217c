"""A rehearsal: what a command would cause in this node, with nothing written and nothing said."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from actors.actor import Summary
from messages import subjects
from messages.envelope import ACTOR, Address, Envelope, Outcome
from messages.headers import HeaderLines
from messages.peer import Send
from node.engine import Engine
from node.handle import Result
from node.live import Live
from node.trail import CMD
from store.step import Outgoing

MESSAGES_MAX = 5_000
"""Where a rehearsal is cut off."""


Examined = Callable[[Envelope], Awaitable[Envelope]]
"""Notes on an envelope what is found out before it is decided on."""


class Document(msgspec.Struct, frozen=True):
    """One save to rehearse."""

    kind: str
    id: str
    fields: dict[str, Any]
    verb: str = "save"


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a rehearsal, and what became of it."""

    node: str
    kind: str
    id: str
    verb: str
    body: msgspec.Raw
    outcome: Outcome | None = None
    """None: it is for another node, which is not asked."""


class Rehearsal:
    """Plays messages on what is stored, and forgets it all."""

    def __init__(
        self, engine: Engine, node: str, now: int, sender: str = ACTOR, examined: Examined | None = None
    ) -> None:
        self._engine = engine
        self._node = node
        self._now = now
        self._sender = sender
        self._examined = examined
        self._lives: dict[tuple[str, str], Live] = {}
        self._waiting: deque[Envelope] = deque()
        self.heard: list[Heard] = []
        self.is_whole = True
        """Whether everything was followed to its end."""

    async def play(self, documents: Sequence[Document]) -> list[Heard]:
        """Return every message that saving the documents one after the other would cause."""
        for document in documents:
            self._waiting.append(
                Envelope(
                    id=uuid.uuid4().hex,
                    to=Address(document.kind, document.id),
                    verb=document.verb,
                    body=msgspec.json.encode(document.fields),
                    at=self._now,
                    sender=self._sender,
                    is_call=True,
                )
            )
            await self._settle()
        return self.heard

    async def summary(self, kind: str, id: str) -> Summary | None:
        """Return what a listing would show of an entity at the end of it."""
        live = self._lives.get((kind, id)) or await self._engine.peek(kind, id)
        return live.summary

    async def _settle(self) -> None:
        while self._waiting:
            if len(self.heard) >= MESSAGES_MAX:
                self.is_whole = False
                return
            envelope = self._waiting.popleft()
            if self._examined is not None:
                envelope = await self._examined(envelope)
            result = await self._engine.rehearse(envelope, self._lives)
            self._note(envelope, result)
            self._waiting.extend(self._follow(out) for out in result.outgoing if out.lane == CMD)

    def _note(self, envelope: Envelope, result: Result) -> None:
        outcome = msgspec.json.decode(result.outcome, type=Outcome) if result.outcome else None
        to, verb, body, node = envelope.to, envelope.verb, envelope.body, self._node
        if to.kind == "peer" and verb == "send":
            send = msgspec.json.decode(body, type=Send)
            node, to, verb, body = to.id, Address(send.to.kind, send.to.id), send.verb, bytes(send.body)
            outcome = None if outcome is None or outcome.status == "done" else outcome
        self.heard.append(
            Heard(
                node=node,
                kind=to.kind,
                id=to.id,
                verb=verb,
                body=msgspec.Raw(body or b"{}"),
                outcome=outcome,
            )
        )

    def _follow(self, out: Outgoing) -> Envelope:
        to = subjects.parse_command(out.subject)
        assert to is not None  # we spelt it ourselves
        headers = HeaderLines(out.headers)
        return Envelope(
            id=out.message,
            to=Address(to.kind, to.id),
            verb=to.verb,
            body=out.body,
            at=self._now,
            sender=headers.get(subjects.SENDER, ACTOR),
            cause=headers.get(subjects.CAUSE, ""),
            correlation=headers.get(subjects.CORRELATION, ""),
        )
