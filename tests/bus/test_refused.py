"""A server that reads its configuration again throws out whoever is just coming in: nobody is lost by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.client import REFUSALS_BELIEVED
from bus.connection import connect
from bus.consumer import Delivery
from bus.link import Link
from bus.reader import Reader
from bus.streams import out_settings
from tests.bus.gate import Gate, gate
from tests.bus.heard import SECONDS, Ear
from tests.bus.test_peers import PEER, Pair, a_pair, invite, said
from tests.conftest import NODE, Embedded


@pytest.fixture
async def before(nats_server: Embedded) -> AsyncIterator[tuple[Gate, str]]:
    async with gate(nats_server.url) as found:
        yield found


@pytest.fixture
async def pair(nats_server: Embedded, tmp_path: Path) -> Pair:
    pair = a_pair(tmp_path / "pair")
    await invite(nats_server, (PEER, pair))
    return pair


async def test_a_key_is_unknown_when_it_was_refused_often_enough(
    nats_server: Embedded, before: tuple[Gate, str]
) -> None:
    door, url = before
    door.refuse = REFUSALS_BELIEVED

    with pytest.raises(PermissionError, match="does not know our key"):
        await connect(url, name="test", seed_path=nats_server.node.seed_path)

    assert door.came == REFUSALS_BELIEVED


async def test_who_is_refused_in_passing_comes_in(nats_server: Embedded, before: tuple[Gate, str]) -> None:
    door, url = before
    door.refuse = REFUSALS_BELIEVED - 1

    async with await connect(url, name="test", seed_path=nats_server.node.seed_path) as bus:
        assert bus.server_info().name == f"covey-{NODE}"

    assert (door.refuse, door.came) == (0, REFUSALS_BELIEVED)


async def test_who_is_thrown_out_once_comes_back(nats_server: Embedded, before: tuple[Gate, str]) -> None:
    door, url = before
    is_back = asyncio.Event()
    seed = nats_server.node.seed_path
    async with await connect(url, name="test", seed_path=seed, on_reconnect=is_back.set) as bus:
        door.refuse = REFUSALS_BELIEVED - 1

        await door.throw_out()

        async with asyncio.timeout(SECONDS):
            await is_back.wait()
        assert bus.is_connected


async def test_who_is_refused_for_long_comes_back_when_it_is_let_in(
    nats_server: Embedded, before: tuple[Gate, str]
) -> None:
    door, url = before
    is_back = asyncio.Event()
    seed = nats_server.node.seed_path
    async with await connect(url, name="test", seed_path=seed, on_reconnect=is_back.set):
        door.refuse = 2 * REFUSALS_BELIEVED

        await door.throw_out()

        async with asyncio.timeout(SECONDS):
            await is_back.wait()
        assert door.refuse == 0


async def test_who_wants_to_leave_then_is_closed_when_it_is_refused_often_enough(
    nats_server: Embedded, before: tuple[Gate, str]
) -> None:
    door, url = before
    seed = nats_server.node.seed_path
    async with await connect(url, name="test", seed_path=seed, leaves_when_refused=True) as bus:
        door.refuse = 2 * REFUSALS_BELIEVED

        await door.throw_out()

        async with asyncio.timeout(SECONDS):
            await bus.wait_closed()
        assert (bus.is_connected, door.refuse) == (False, REFUSALS_BELIEVED)


async def test_a_link_goes_on_that_is_thrown_out_while_it_asks_for_the_first_time(
    nats_server: Embedded, before: tuple[Gate, str], pair: Pair
) -> None:
    door, url = before
    door.refuse_after_pong = 2
    ear = Ear[Delivery]()
    async with await nats_server.connect(pair.ours) as out:
        await out.ensure(out_settings(NODE, PEER))
        await out.publish([said(1)])

        async with Link(url, name=PEER, seed_path=pair.theirs.seed_path, on_delivery=ear):
            assert (await ear.count(1))[0].sequence == 1

    assert door.refuse_after_pong == 0


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_is_closed_while_it_notes_that_the_server_has_hung_up(
    nats_server: Embedded, before: tuple[Gate, str], turns: int
) -> None:
    door, url = before
    closing: list[asyncio.Task[None]] = []

    async def close() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await client.close()

    client = Reader()

    async def errored(_error: Exception) -> None:
        closing.append(asyncio.create_task(close()))

    is_closed = asyncio.Event()

    async def closed() -> None:
        is_closed.set()

    seed = str(nats_server.node.seed_path)
    await client.connect(url, nkeys_seed=seed, error_cb=errored, closed_cb=closed)
    door.hang_up()

    async with asyncio.timeout(SECONDS):
        await is_closed.wait()
        await closing[0]
    assert not closing[0].cancelled()
