import asyncio
from pathlib import Path

from messages.envelope import ALARM, Address, Envelope
from node.alarms import SECOND, Bell, ring
from node.engine import Engine
from store.open import open_store
from tests.node.counter import COUNTER, Add, message

LATER, SOON = 1_800_000_600 * SECOND, 1_800_000_300 * SECOND
NOW = 1_800_000_000 * SECOND


async def test_an_earlier_alarm_ends_the_wait_for_a_later_one() -> None:
    bell = Bell()
    bell.look()
    waiting = asyncio.create_task(bell.wait(LATER, 600))
    await asyncio.sleep(0)

    bell.note(SOON)

    await asyncio.wait_for(waiting, 10)


async def test_a_later_alarm_ends_no_wait() -> None:
    bell = Bell()
    bell.look()
    waiting = asyncio.create_task(bell.wait(SOON, 600))
    await asyncio.sleep(0)

    bell.note(LATER)
    await asyncio.sleep(0)

    assert not waiting.done()
    waiting.cancel()


async def test_an_alarm_that_is_set_while_the_next_one_is_looked_for_counts() -> None:
    bell = Bell()
    bell.look()

    bell.note(LATER)

    await asyncio.wait_for(bell.wait(SOON, 600), 10)


async def test_an_alarm_is_delivered_when_its_time_has_come(tmp_path: Path) -> None:
    rung: asyncio.Queue[Envelope] = asyncio.Queue()

    def deliver(envelope: Envelope) -> asyncio.Future[None]:
        rung.put_nowait(envelope)
        return asyncio.get_running_loop().create_future()

    async with open_store(tmp_path / "covey.db") as store:
        engine = Engine("acme", [COUNTER], store)
        wake = Add(wake_at="2027-01-15T08:05:00Z")  # type: ignore[arg-type]  # as it stands in JSON
        await engine.handle([message("m-1", "a", wake, at=NOW)])
        ringing = asyncio.create_task(ring(store, lambda: SOON, deliver, Bell()))
        envelope = await asyncio.wait_for(rung.get(), 10)
        ringing.cancel()

    assert (envelope.to, envelope.sender) == (Address("counter", "a"), ALARM)
    assert b"wake" in envelope.body
