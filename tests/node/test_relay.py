import asyncio
from collections.abc import Sequence
from pathlib import Path

from bus.publisher import Outbound
from node.engine import Engine
from node.relay import Relay, dress_sealed
from node.trail import EVT
from store.open import open_store
from tests.node.counter import COUNTER, message


async def test_nothing_is_sent_while_a_server_may_lack_its_streams(tmp_path: Path) -> None:
    sent: list[str] = []

    async def publish(batch: Sequence[Outbound]) -> Sequence[int]:
        sent.extend(one.id for one in batch)
        return range(1, len(batch) + 1)

    async with open_store(tmp_path / "covey.db") as store:
        relay = Relay(store, [EVT], (publish, dress_sealed(b"secret")), lambda _sent: None)
        running = asyncio.create_task(relay.run())
        await relay.wait_idle()
        relay.hold()
        results = await Engine("acme", [COUNTER], store).handle([message(f"m-{n}", "a") for n in range(3)])

        relay.put([row for result in results for row in result.outgoing if row.lane == EVT])
        await asyncio.sleep(0)
        held = list(sent)
        relay.go_on()
        await relay.wait_idle()
        running.cancel()

    assert held == []
    assert sent == ["counter.a.1", "counter.a.2", "counter.a.3"]


async def test_nobody_waits_for_a_relay_that_may_not_send(tmp_path: Path) -> None:
    async def publish(batch: Sequence[Outbound]) -> Sequence[int]:
        return range(1, len(batch) + 1)

    async with open_store(tmp_path / "covey.db") as store:
        relay = Relay(store, [EVT], (publish, dress_sealed(b"secret")), lambda _sent: None)
        running = asyncio.create_task(relay.run())
        results = await Engine("acme", [COUNTER], store).handle([message("m-1", "a")])
        await relay.wait_idle()
        waiting = asyncio.create_task(relay.wait_idle())
        relay.put([row for result in results for row in result.outgoing if row.lane == EVT])

        relay.hold()

        async with asyncio.timeout(30):
            await waiting
            await relay.wait_idle()
        running.cancel()
