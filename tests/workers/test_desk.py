"""Tasks in hand: kept off the bus as long as they are, and on it as soon as they are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bus.publisher import Outbound
from messages.headers import lines
from node.relay import Relay
from node.trail import CMD, TASK
from node.workers.desk import NOT_SENT, Desk, Handed
from store.open import open_store
from store.step import Handled, Outgoing, Step
from store.store import Store

SECONDS = 5.0
SUBJECT = "covey.lab.task.expressions"


def row(position: int, lane: str = TASK, subject: str = SUBJECT) -> Outgoing:
    headers = lines({"ce-id": f"t-{position}"})
    return Outgoing(
        position=position,
        lane=lane,
        subject=subject,
        message=f"t-{position}",
        headers=headers,
        body=b"{}",
        at=1,
    )


class Bench:
    """A store, a relay that tells what it publishes, and a desk beside them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.published: list[str] = []
        self.noted: list[tuple[int, int]] = []
        self.taken: list[Handed] = []
        self.hands = 2
        self.desk = Desk(self.noted.extend)
        self.relay = Relay(store, [TASK, CMD], (self._publish, self._dress), lambda _sent: None)
        self.relay.is_in_hand, self.desk.publish = self.desk.has, self.relay.give
        self.desk.open(SUBJECT, self._take)

    async def commit(self, *rows: Outgoing) -> None:
        """Write a message that leaves these, and let desk and relay have them."""
        handled = Handled(
            id=f"m-{rows[0].position}",
            digest=b"",
            outcome=b"{}",
            kind="run",
            entity="r",
            verb="begin",
            cause="",
            correlation="",
            sender="actor",
            at=1,
        )
        await self.store.write([Step(handled=handled, outgoing=rows)])
        self.relay.put(self.desk.offer(rows))

    async def until_idle(self) -> None:
        """Let the relay publish all that it may."""
        running = asyncio.create_task(self.relay.run())
        try:
            await asyncio.wait_for(self.relay.wait_idle(), SECONDS)
        finally:
            running.cancel()

    def _take(self, task: Handed) -> bool:
        if len(self.taken) == self.hands:
            return False
        self.taken.append(task)
        return True

    async def _publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        self.published += [message.id for message in messages]
        return [len(self.published)] * len(messages)

    @staticmethod
    def _dress(row: Outgoing) -> Outbound:
        return Outbound(row.subject, row.message, {}, row.body)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_store(tmp_path / "covey.db") as store:
        bench = Bench(store)
        await bench.until_idle()
        yield bench


async def test_what_is_in_hand_is_not_published_and_all_else_is(bench: Bench) -> None:
    await bench.commit(row(1), row(2, CMD, "covey.lab.cmd.run.r.go"), row(3, subject="covey.lab.task.other"))
    await bench.until_idle()

    assert [task.headers["ce-id"] for task in bench.taken] == ["t-1"]
    assert bench.published == ["t-2", "t-3"]


async def test_what_is_in_hand_is_not_published_either_when_the_relay_reads_the_store_anew(
    bench: Bench,
) -> None:
    await bench.commit(row(1), row(2, CMD, "covey.lab.cmd.run.r.go"))
    bench.relay.look_again()
    await bench.until_idle()

    assert bench.published == ["t-2"]


async def test_what_no_hand_is_free_for_goes_to_the_bus(bench: Bench) -> None:
    await bench.commit(row(1), row(2), row(3))
    await bench.until_idle()

    assert (len(bench.taken), bench.published) == (2, ["t-3"])


async def test_what_is_done_is_noted_as_in_no_stream(bench: Bench) -> None:
    await bench.commit(row(1))
    await bench.taken[0].ack()
    await bench.store.write((), bench.noted)

    assert bench.noted == [(1, NOT_SENT)]
    assert await bench.store.unsent(TASK, 0, 10) == []
    assert await bench.store.lost(TASK, 0) == 0  # an empty broker has not lost it


async def test_what_is_given_back_goes_to_the_bus_behind_what_came_later(bench: Bench) -> None:
    await bench.commit(row(1), row(2, CMD, "covey.lab.cmd.run.r.go"))
    await bench.until_idle()

    await bench.taken[0].nak(0.5)
    await bench.until_idle()

    assert bench.published == ["t-2", "t-1"]


async def test_what_is_in_hand_when_the_process_ends_is_published_by_the_next(bench: Bench) -> None:
    await bench.commit(row(1), row(2))

    fresh = Bench(bench.store)
    await fresh.until_idle()

    assert fresh.published == ["t-1", "t-2"]


async def test_a_desk_that_is_closed_leaves_all_to_the_bus(bench: Bench) -> None:
    bench.desk.close()
    await bench.commit(row(1))
    await bench.until_idle()

    assert (bench.taken, bench.published) == ([], ["t-1"])
