"""What was sent is noted along with what is handled next, and by itself when nothing comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from node.engine import Engine
from node.handle import Result
from node.intake import Intake
from node.trail import EVT
from store.open import open_store
from store.store import Store
from tests.node.counter import COUNTER, message

SECONDS = 10.0


class Sending:
    """An intake whose bus takes everything at once, and the transactions that it made."""

    def __init__(self, store: Store, begun: list[str]) -> None:
        self.intake = Intake(Engine("here", [COUNTER], store), self._send)
        self.store = store
        self._begun = begun

    def _send(self, results: Sequence[Result]) -> None:
        rows = [row for result in results for row in result.outgoing]
        self.intake.note_sent([(row.position, row.position) for row in rows])

    @property
    def transactions(self) -> int:
        """How many there were."""
        return self._begun.count("begun")

    async def unsent(self) -> int:
        """Return of how many messages it is not known that they were sent."""
        return len(await self.store.unsent(EVT, 0, 100))


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Sending]:
    begun: list[str] = []
    async with open_store(tmp_path / "covey.db", reach=begun.append) as store, asyncio.TaskGroup() as group:
        made = Sending(store, begun)
        running = group.create_task(made.intake.run())
        yield made
        running.cancel()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a next batch comes in time."""
    monkeypatch.setattr("node.intake.NOTE_SECONDS", 3600.0)


@pytest.mark.usefixtures("patience")
async def test_what_was_sent_is_noted_with_the_next_batch(sending: Sending) -> None:
    for number in range(3):
        await sending.intake.call(message(f"m-{number}", "a"))

    assert (sending.transactions, await sending.unsent()) == (3, 1)


@pytest.mark.usefixtures("patience")
async def test_what_was_sent_last_is_noted_by_itself(sending: Sending) -> None:
    await sending.intake.call(message("m-1", "a"))

    async with asyncio.timeout(SECONDS):
        await sending.intake.wait_empty()

    assert (sending.transactions, await sending.unsent()) == (2, 0)


async def test_nobody_has_to_ask_for_that(sending: Sending) -> None:
    await sending.intake.call(message("m-1", "a"))

    async with asyncio.timeout(SECONDS):
        while await sending.unsent():
            pass

    assert sending.transactions == 2
