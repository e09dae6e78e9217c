"""A node in virtual time: its orders are carried out, and its alarms ring, when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from actors.actor import Actor
from messages import subjects
from messages.base import encode
from messages.envelope import ACTOR, OPERATOR, Address, Envelope, Outcome, micros
from node.alarms import due
from node.answers import Answers
from node.engine import Engine
from node.handle import Result
from node.intake import outcome_of
from node.trail import CMD
from store.open import open_store
from store.store import Store

NODE = "here"
ROUNDS_MAX = 20
"""How long a cascade may be."""


class Node:
    """One node whose clock stands still."""

    def __init__(self, actors: Sequence[Actor[Any, Any, Any]], store: Store, now: datetime) -> None:
        self.now = now
        self.engine = Engine(NODE, actors, store)
        self.loses: frozenset[str] = frozenset()
        """Commands that actors order and nobody hears."""
        self._answers = Answers(self.engine, store, actors)
        self._store = store
        self._numbers = count(1)

    async def say(self, kind: str, id: str, verb: str, **body: Any) -> Outcome:
        """Say a command, let all that it orders happen, and return its outcome."""
        return await self._handle(self._envelope(kind, id, verb, encode(body)))

    async def done(self, kind: str, id: str, verb: str, **body: Any) -> Outcome:
        """Say a command that is not refused."""
        outcome = await self.say(kind, id, verb, **body)
        assert outcome.status == "done", outcome
        return outcome

    async def ask(self, kind: str, id: str, query: str, **about: Any) -> Any:
        """Ask something and return what JSON says."""
        answer = await self._answers.answer(kind, id, query, encode(about), micros(self.now))
        return msgspec.json.decode(answer)

    async def ring(self, at: datetime) -> list[str]:
        """Set the clock, deliver what is due, and return who was rung, as ``kind.id name``."""
        self.now = at
        rung: list[str] = []
        for _ in range(ROUNDS_MAX):
            alarms = await due(self._store, micros(at))
            if not alarms:
                return rung
            for alarm in alarms:
                await self._handle(alarm)
                rung.append(f"{alarm.to} {msgspec.json.decode(alarm.body)['name']}")
        raise AssertionError(f"it rings for ever: {rung[-ROUNDS_MAX:]}")

    async def count(self, table: str, kind: str, id: str) -> int:
        """Return how many rows a table has of an entity."""
        query = f"SELECT count(*) FROM {table} WHERE kind = ? AND id = ?"
        rows = await self._store.run(lambda db: db.execute(query, (kind, id)).fetchone())
        return int(rows[0])

    async def _handle(self, envelope: Envelope) -> Outcome:
        results = await self.engine.handle([envelope])
        orders = self._orders(results)
        for _ in range(ROUNDS_MAX):
            if not orders:
                return outcome_of(results[0].outcome)
            orders = self._orders(await self.engine.handle(orders))
        raise AssertionError(f"the cascade does not end: {orders}")

    def _orders(self, results: Sequence[Result]) -> list[Envelope]:
        sent = [row for result in results for row in result.outgoing if row.lane == CMD]
        led = [(subjects.parse_command(row.subject), row) for row in sent]
        return [
            Envelope(
                id=row.message,
                to=Address(to.kind, to.id),
                verb=to.verb,
                body=row.body,
                at=micros(self.now),
                sender=ACTOR,
            )
            for to, row in led
            if to is not None and to.verb not in self.loses
        ]

    def _envelope(self, kind: str, id: str, verb: str, body: bytes) -> Envelope:
        return Envelope(
            id=f"said-{next(self._numbers)}",
            to=Address(kind, id),
            verb=verb,
            body=body,
            at=micros(self.now),
            sender=OPERATOR,
            is_call=True,
        )


@asynccontextmanager
async def virtual(
    directory: Path, actors: Sequence[Actor[Any, Any, Any]], now: datetime
) -> AsyncIterator[Node]:
    """Open a node on a file in a directory."""
    async with open_store(directory / "covey.db") as store:
        yield Node(actors, store, now)
