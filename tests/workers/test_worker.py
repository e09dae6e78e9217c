"""A worker over a real server: what it holds, how it tells that it is at it, and how it lets go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import nats

from bus.connection import Bus
from bus.publisher import Outbound
from bus.streams import TASKS, ConsumerSettings, settings
from messages.ephemeral import Advance
from node.workers.queues import REGISTRY, registry_source
from node.workers.runner import LeftToOthers, Work
from node.workers.worker import LATE_SECONDS, Worker, advancing
from tests.conftest import NODE, Embedded

WAIT_SECONDS = 20.0
SOURCE = registry_source(NODE)


class Desk:
    """Does what it is told, and knows what it was given."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[Work] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.let_go = 0
        self.error: Exception | None = None

    async def do(self, work: Work) -> None:
        self.given.put_nowait(work)
        error, self.error = self.error, None
        if error:
            raise error
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.let_go += 1
            raise

    async def next(self) -> Work:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.given.get()


@asynccontextmanager
async def at_work(
    bus: Bus, desk: Desk, hands: int = 1, source: ConsumerSettings = SOURCE
) -> AsyncIterator[Worker]:
    await bus.ensure(settings(NODE, ["workflow"], [], [REGISTRY]))
    async with asyncio.TaskGroup() as group:
        worker = Worker(bus, source, hands, advancing(desk.do), group.create_task)
        await worker.open()
        yield worker
        await worker.stop(finish_seconds=0.1)


async def put(bus: Bus, *ids: str) -> None:
    """Put tasks into the queue."""
    for id in ids:
        body = msgspec.json.encode(Advance(workflow_kind="k", id=id, state="s", arguments={}))
        await bus.publish([Outbound(f"covey.{NODE}.task.registry", id, {"ce-id": id}, body)])


async def test_it_has_no_more_in_hand_than_hands_and_leaves_the_rest_to_others(
    bus: Bus, nats_server: Embedded
) -> None:
    here, there = Desk(), Desk()
    async with await nats_server.connect() as other, at_work(bus, here, hands=2), at_work(other, there):
        await put(bus, "t-1", "t-2", "t-3")
        taken = {(await here.next()).id, (await here.next()).id, (await there.next()).id}

        assert taken == {"t-1", "t-2", "t-3"}
        assert (here.given.qsize(), there.given.qsize()) == (0, 0)

        here.go_on.set()
        await put(bus, "t-4")
        assert (await here.next()).id == "t-4"


async def test_what_it_is_at_for_long_is_not_given_to_another(bus: Bus, nats_server: Embedded) -> None:
    here, there = Desk(), Desk()
    async with await nats_server.connect() as other, at_work(bus, here):
        await put(bus, "t-1")
        await here.next()
        async with at_work(other, there):
            with suppress(TimeoutError):
                await asyncio.wait_for(there.given.get(), LATE_SECONDS + 2)
                raise AssertionError("it was given to another")
            here.go_on.set()


async def test_what_it_slept_over_is_let_go_of_and_comes_again(bus: Bus) -> None:
    desk = Desk()
    async with at_work(bus, desk):
        await put(bus, "t-1")
        assert (await desk.next()).attempt == 1

        time.sleep(LATE_SECONDS + 1.5)  # noqa: ASYNC251  # nothing in this process runs, as when it is stopped

        assert (await desk.next()).attempt == 2
        assert desk.let_go == 1
        desk.go_on.set()


async def test_what_fails_unexpectedly_is_tried_again(bus: Bus) -> None:
    desk = Desk()
    desk.error = RuntimeError("a bug")
    async with at_work(bus, desk):
        await put(bus, "t-1")

        assert [(await desk.next()).attempt, (await desk.next()).attempt] == [1, 2]
        desk.go_on.set()


async def test_what_is_left_to_others_comes_again_when_nobody_is_at_it(bus: Bus) -> None:
    desk = Desk()
    desk.error = LeftToOthers()
    async with at_work(bus, desk):
        await put(bus, "t-1")

        assert [(await desk.next()).attempt, (await desk.next()).attempt] == [1, 2]
        desk.go_on.set()


async def test_a_worker_that_stops_lets_go_of_what_it_cannot_finish(bus: Bus, nats_server: Embedded) -> None:
    desk, other = Desk(), Desk()
    patient = msgspec.structs.replace(SOURCE, ack_wait_seconds=int(10 * WAIT_SECONDS))
    async with at_work(bus, desk, source=patient):
        await put(bus, "t-1")
        await desk.next()

    async with await nats_server.connect() as later, at_work(later, other, source=patient):
        assert (await other.next()).id == "t-1"
        other.go_on.set()


async def test_a_task_that_cannot_be_read_holds_up_nobody(bus: Bus) -> None:
    desk = Desk()
    async with at_work(bus, desk):
        await bus.publish([Outbound(f"covey.{NODE}.task.registry", "bad", {}, b"{")])
        await put(bus, "t-1")

        assert (await desk.next()).id == "t-1"
        desk.go_on.set()


async def test_the_consumer_is_made_again_when_it_is_gone(bus: Bus, nats_server: Embedded) -> None:
    desk = Desk()
    async with at_work(bus, desk) as worker:
        client = await nats.connect(nats_server.url, nkeys_seed=str(nats_server.node.seed_path))
        await client.jetstream().delete_consumer(TASKS, REGISTRY)
        await client.close()
        await put(bus, "t-1")

        await worker.restore()

        assert (await desk.next()).id == "t-1"
        desk.go_on.set()
