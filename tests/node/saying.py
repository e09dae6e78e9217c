"""What tests say to an engine, and how they read what it answers."""

from __future__ import annotations

from typing import Any

import msgspec

from messages.base import encode
from messages.envelope import Envelope, Outcome
from node.alarms import due
from node.answers import Answers
from node.engine import Engine
from node.intake import outcome_of
from store.store import Store
from tests.node.counter import AT

DAY = 24 * 3600 * 1_000_000


async def said(engine: Engine, *envelopes: Envelope) -> list[Outcome]:
    """Say messages in one batch and return their outcomes."""
    return [outcome_of(result.outcome) for result in await engine.handle(envelopes)]


async def codes(engine: Engine, *envelopes: Envelope) -> list[str]:
    """Say messages in one batch; return the code of each refusal, or ``done``."""
    return [outcome.code or outcome.status for outcome in await said(engine, *envelopes)]


async def ring(engine: Engine, store: Store, now: int) -> list[str]:
    """Deliver the alarms that are due; return their names."""
    alarms = await due(store, now)
    await engine.handle(alarms)
    return [msgspec.json.decode(alarm.body)["name"] for alarm in alarms]


async def asked(answers: Answers, kind: str, id: str, query: str, **about: Any) -> Any:
    """Ask and return the answer as what JSON says."""
    return msgspec.json.decode(await answers.answer(kind, id, query, encode(about), AT))


async def count(store: Store, table: str) -> int:
    """Return how many rows a table has."""
    rows = await store.run(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone())
    return int(rows[0])
