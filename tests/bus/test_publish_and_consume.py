from __future__ import annotations

import pytest

from bus.connection import Bus
from bus.consumer import Delivery
from bus.publisher import Outbound, PublishFailed
from bus.streams import ConsumerSettings, StreamSettings, settings
from tests.bus.heard import Ear
from tests.conftest import NODE, Embedded

SETTINGS = settings(NODE, ["workflow"], ["http"])


def commands(count: int, first: int = 0) -> list[Outbound]:
    return [
        Outbound(f"covey.acme.cmd.workflow.w-{n}.save", f"m-{n}", {"ce-id": f"m-{n}"}, b"{}")
        for n in range(first, first + count)
    ]


async def test_ensuring_twice_changes_nothing(bus: Bus) -> None:
    await bus.ensure(SETTINGS)

    assert await bus.ensure(SETTINGS) == []
    assert await bus.drift(SETTINGS) == []


async def test_what_an_operator_changed_is_told_and_left(bus: Bus) -> None:
    await bus.ensure([StreamSettings(name="CMD", subjects=("covey.acme.cmd.workflow.>",), max_bytes=1 << 20)])

    lines = await bus.ensure(SETTINGS)

    assert lines == ["CMD.max_bytes: is 1048576, should be 4294967296"]
    assert await bus.drift(SETTINGS) == lines


async def test_what_is_missing_is_told(bus: Bus) -> None:
    assert "CMD: is missing" in await bus.drift(SETTINGS)
    assert await bus.stream_state("CMD") is None


async def test_a_kind_that_is_new_is_added_to_the_stream(bus: Bus) -> None:
    await bus.ensure(SETTINGS)

    assert await bus.ensure(settings(NODE, ["workflow", "schedule"], ["http"])) == []

    (sequence,) = await bus.publish([Outbound("covey.acme.cmd.schedule.s.save", "s-1", {}, b"{}")])
    assert sequence == 1


@pytest.mark.parametrize("count", [1, 3, 4, 1500])
async def test_a_repeated_batch_is_stored_once_and_answers_the_same(bus: Bus, count: int) -> None:
    await bus.ensure(SETTINGS)

    sequences = await bus.publish(commands(count))
    again = await bus.publish(commands(count))

    assert sequences == again == list(range(1, count + 1))
    state = await bus.stream_state("CMD")
    assert state is not None
    assert (state.messages, state.last) == (count, count)


async def test_a_batch_with_something_old_stores_what_is_new(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    await bus.publish(commands(3))

    assert await bus.publish(commands(6)) == [1, 2, 3, 4, 5, 6]


async def test_streams_of_one_batch_keep_their_own_order(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    events = [Outbound(f"covey.acme.evt.workflow.w.e{n}", f"w.{n}", {}, b"{}") for n in range(5)]

    mixed = [message for pair in zip(commands(5), events, strict=True) for message in pair]

    assert await bus.publish(mixed) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


async def test_what_no_stream_takes_and_what_is_too_large_is_named(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    batch = commands(5)
    batch[1] = Outbound("covey.acme.cmd.unknown.x.save", "u-1", {}, b"{}")
    batch[3] = Outbound("covey.acme.cmd.workflow.x.save", "u-2", {}, b"x" * (1 << 21))

    with pytest.raises(PublishFailed) as failed:
        await bus.publish(batch)

    assert failed.value.missing == [1, 3]
    assert failed.value.hopeless == {3}
    assert failed.value.sequences == {0: 1, 2: 2, 4: 3}


async def test_a_full_stream_says_so(bus: Bus) -> None:
    small = StreamSettings(name="CMD", subjects=("covey.acme.cmd.workflow.>",), max_bytes=1000)
    await bus.ensure([small])

    with pytest.raises(PublishFailed, match="maximum bytes exceeded"):
        await bus.publish(commands(50))


async def test_a_delivery_carries_all_that_a_turn_needs(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    ear = Ear[Delivery]()
    await bus.consume("CMD", "workflow", on_delivery=ear)

    await bus.publish(commands(1))

    (delivery,) = await ear.count(1)
    assert delivery.subject == "covey.acme.cmd.workflow.w-0.save"
    assert (delivery.body, delivery.sequence, delivery.attempts) == (b"{}", 1, 1)
    assert delivery.headers["ce-id"] == "m-0"
    assert 1_700_000_000_000_000 < delivery.at < 9_000_000_000_000_000


async def test_a_consumer_asks_again_before_it_runs_dry(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    ear = Ear[Delivery]()
    await bus.consume("CMD", "workflow", buffer=10, on_delivery=ear)

    await bus.publish(commands(500))

    assert [delivery.sequence for delivery in await ear.count(500)] == list(range(1, 501))


async def test_what_is_not_acknowledged_comes_again_with_the_same_instant(bus: Bus) -> None:
    impatient = ConsumerSettings(
        name="workflow", filter_subject="covey.acme.cmd.workflow.>", ack_wait_seconds=1
    )
    await bus.ensure(
        [
            StreamSettings(
                name="CMD", subjects=("covey.acme.cmd.>",), max_bytes=1 << 20, consumers=(impatient,)
            )
        ]
    )
    ear = Ear[Delivery]()
    await bus.consume("CMD", "workflow", on_delivery=ear)

    await bus.publish(commands(1))

    first, second = await ear.count(2)
    assert (second.sequence, second.at, second.attempts) == (first.sequence, first.at, 2)


async def test_a_refused_delivery_comes_again_and_one_that_is_acknowledged_does_not(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    ear = Ear[Delivery]()
    await bus.consume("CMD", "workflow", on_delivery=ear)
    await bus.publish(commands(2))

    first, second = await ear.count(2)
    await second.ack()
    await first.nak(0.2)

    again = (await ear.count(3))[2]
    assert (again.sequence, again.attempts) == (1, 2)


async def test_a_paused_consumer_delivers_what_was_sent_and_goes_on_later(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    ear = Ear[Delivery]()
    consumer = await bus.consume("CMD", "workflow", on_delivery=ear)
    await bus.publish(commands(2))
    await ear.count(2)

    await consumer.pause()
    await bus.publish(commands(2, first=2))
    heard_in_the_pause = len(ear.heard)
    await consumer.start()

    assert heard_in_the_pause == 2
    assert [delivery.attempts for delivery in await ear.count(4)] == [1, 1, 1, 1]


async def test_what_is_acknowledged_after_the_connection_was_closed_harms_nobody(
    nats_server: Embedded,
) -> None:
    ear = Ear[Delivery]()
    async with await nats_server.connect() as first:
        await first.ensure(SETTINGS)
        await first.publish(commands(1))
        await first.consume("CMD", "workflow", on_delivery=ear)
        (delivery,) = await ear.count(1)

    await delivery.ack()
    await delivery.nak(1.0)

    assert delivery.sequence == 1
