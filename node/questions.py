"""Questions to peers: asked through the gateways, answered when the peer's answer has come back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from messages.base import encode
from messages.envelope import ACTOR, Address, Envelope
from messages.peer import Ask
from messages.peer_events import Answered
from node.intake import Intake, outcome_of
from node.trail import EVT
from store.step import Outgoing

WAITING_MAX = 1_000
ANSWERED = "answered"
ASK_SECONDS = 3.0
"""How long a peer may take to answer."""

AskPeer = Callable[[str, str, str, str, Any], Awaitable[Any]]
"""Asks a peer: its name, a kind, an id, a query, a body."""


class Questions:
    """The questions of one node that wait for their answers."""

    def __init__(self, intake: Intake, clock: Callable[[], int]) -> None:
        self._intake = intake
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    async def ask(self, peer: str, kind: str, id: str, query: str, body: Any) -> Any:
        """Ask a peer and return its answer; the caller bounds how long it waits."""
        if len(self._waiting) >= WAITING_MAX:
            raise TimeoutError("too many questions wait for peers already")
        question = uuid.uuid4().hex
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[question] = answer
        command = Ask(question=question, kind=kind, query=query, id=id, body=msgspec.Raw(encode(body)))
        envelope = Envelope(
            id=question,
            to=Address("peer", peer),
            verb="ask",
            body=encode(command),
            at=self._clock(),
            sender=ACTOR,
        )
        try:
            outcome = outcome_of(await self._intake.call(envelope))
            if outcome.status != "done":
                return {"code": outcome.code, "detail": outcome.detail}
            return await answer
        finally:
            self._waiting.pop(question, None)

    def hear(self, rows: Sequence[Outgoing]) -> None:
        """Notice the answers among what was committed."""
        if not self._waiting:
            return
        for row in rows:
            parts = row.subject.rsplit(".", 3)
            if row.lane == EVT and parts[-1] == ANSWERED and parts[1] == "peer":
                told = msgspec.json.decode(row.body, type=Answered)
                waiting = self._waiting.get(told.question)
                if waiting is not None and not waiting.done():
                    waiting.set_result(msgspec.json.decode(told.reply))
