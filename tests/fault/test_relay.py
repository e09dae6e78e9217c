"""What is published stays complete and in order, whatever happens between two steps of the relay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from bus.publisher import Outbound, PublishFailed
from node.relay import Relay
from store.open import open_store
from store.step import Handled, Outgoing, Step
from store.store import Store

LANES = ("CMD", "EVT")
SECONDS = 20.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "covey.db") as opened:
        yield opened


def outgoing(position: int, lane: str = "EVT") -> Outgoing:
    subject = f"covey.acme.{lane.lower()}.workflow.w.saved"
    return Outgoing(
        position=position,
        lane=lane,
        subject=subject,
        message=f"m-{position}",
        headers=b"{}",
        body=b"{}",
        at=1,
    )


async def write(store: Store, *rows: Outgoing) -> None:
    """Commit a message that leaves these to be published."""
    handled = Handled(
        id=f"h-{rows[0].position}",
        digest=b"",
        outcome=b"{}",
        kind="workflow",
        entity="w",
        verb="save",
        cause="",
        correlation="",
        sender="operator",
        at=1,
    )
    await store.write([Step(handled=handled, outgoing=rows)])


def dress(row: Outgoing) -> Outbound:
    return Outbound(row.subject, row.message, {}, row.body)


async def until_idle(relay: Relay) -> None:
    running = asyncio.create_task(relay.run())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                await relay.wait_idle()
    finally:
        running.cancel()


async def test_what_is_committed_while_the_relay_reads_is_published(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []
    late = outgoing(2, "CMD")
    read = store.unsent

    async def publish(batch: Sequence[Outbound]) -> list[int]:
        published.extend(message.id for message in batch)
        return list(range(1, len(batch) + 1))

    async def unsent(lane: str, after: int, limit: int) -> list[Outgoing]:
        rows = await read(lane, after, limit)
        if lane == "CMD" and not published and late.message not in [row.message for row in rows]:
            await write(store, late)  # a batch commits between two lanes
            relay.put([late])
        return rows

    await write(store, outgoing(1))
    monkeypatch.setattr(store, "unsent", unsent)
    relay = Relay(store, LANES, (publish, dress), lambda _sent: None)

    await until_idle(relay)

    assert sorted(published) == ["m-1", "m-2"]


async def test_what_a_wiped_server_lost_is_published_before_what_came_later(store: Store) -> None:
    published: list[str] = []
    noted: list[tuple[int, int]] = []
    await write(store, outgoing(1), outgoing(2))
    await store.write([], [(1, 1), (2, 2)])
    await write(store, outgoing(3), outgoing(4))

    async def publish(batch: Sequence[Outbound]) -> list[int]:
        if not published and len(batch) == 2:  # the server had the first of them, and then lost everything
            await store.lost("EVT", 0)
            relay.look_again()
            raise PublishFailed({1: "the connection was lost"}, {0: 3}, frozenset())
        published.extend(message.id for message in batch)
        return list(range(1, len(batch) + 1))

    relay = Relay(store, LANES, (publish, dress), noted.extend)

    await until_idle(relay)

    assert published == ["m-1", "m-2", "m-3", "m-4"]
    assert noted == [(1, 1), (2, 2), (3, 3), (4, 4)]
