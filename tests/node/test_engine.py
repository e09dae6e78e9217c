"""The engine on a real file: each message takes effect once, and one that breaks stops no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from messages.base import Alarm
from messages.envelope import ALARM, Envelope, micros
from node.alarms import due
from node.engine import Engine
from node.handle import ATTEMPTS
from node.intake import outcome_of
from node.live import SNAPSHOT_EVENTS
from store.open import open_store
from store.queries import dead_letters, history
from store.store import Store
from tests.node.counter import COUNTER, Add, Break, message

WAKE = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "covey.db") as store:
        yield store


@pytest.fixture
def engine(store: Store) -> Engine:
    return Engine("here", [COUNTER], store)


async def total(engine: Engine, id: str) -> int:
    return int((await engine.peek("counter", id)).state.total)


async def statuses(engine: Engine, *envelopes: Envelope) -> list[str]:
    return [outcome_of(result.outcome).status for result in await engine.handle(envelopes)]


async def test_a_repeat_in_the_same_batch_and_in_a_later_one_gets_the_same_outcome(engine: Engine) -> None:
    first, second = await engine.handle([message("m-1", "a"), message("m-1", "a")])
    (third,) = await engine.handle([message("m-1", "a")])

    assert first.outcome == second.outcome == third.outcome
    assert await total(engine, "a") == 1


async def test_the_same_id_with_other_bytes_is_refused(engine: Engine) -> None:
    await engine.handle([message("m-1", "a")])

    (result,) = await engine.handle([message("m-1", "a", Add(by=5))])

    assert outcome_of(result.outcome).code == "id_reused"
    assert await total(engine, "a") == 1


async def test_later_messages_of_a_batch_see_what_earlier_ones_did(engine: Engine) -> None:
    named = [message("m-1", "a", Add(name="x")), message("m-2", "b", Add(name="x"))]

    assert await statuses(engine, *named) == ["done", "rejected"]
    assert await statuses(engine, message("m-3", "c", Add(name="x"))) == ["rejected"]


async def test_a_message_that_breaks_is_tried_again_then_kept_and_its_mates_proceed(
    engine: Engine, store: Store
) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        mates = [message(f"{attempt}-1", "a"), message("bad", "a", Break(), attempt=attempt)]
        good, bad = await engine.handle([*mates[:1], mates[1]])
        assert outcome_of(good.outcome).status == "done"
        assert bool(bad.outcome) == (attempt == ATTEMPTS)

    (letter,) = await dead_letters(store, "dead", 0, 10)
    assert (letter["message"], letter["attempts"]) == ("bad", ATTEMPTS)
    assert "ZeroDivisionError: a bug" in letter["traceback"]
    assert await total(engine, "a") == ATTEMPTS


async def test_a_message_that_cannot_be_written_is_isolated_from_its_batch(
    engine: Engine, store: Store
) -> None:
    bad = message("m-2", "b", Add(unstorable=True))

    done = await statuses(engine, message("m-1", "a"), bad, message("m-3", "a"))

    assert done == ["done", "dead", "done"]
    assert (await total(engine, "a"), await total(engine, "b")) == (2, 0)
    assert len(await dead_letters(store, "dead", 0, 10)) == 1


async def test_a_batch_is_decided_on_the_one_that_is_not_written_yet(engine: Engine) -> None:
    batches = [
        [message("m-1", "a", Add(name="x"))],
        [message("m-1", "a", Add(name="x")), message("m-2", "a")],
    ]
    ahead = [await engine.prepare(batch) for batch in batches]

    first = engine.decide(ahead[0])
    second = engine.decide(ahead[1], first)
    await engine.commit(first)
    results = await engine.commit(second)

    assert results is not None
    assert results[0].outcome == first.results[0].outcome
    assert await total(engine, "a") == 2


async def test_names_of_a_batch_that_is_not_written_yet_are_taken(engine: Engine) -> None:
    ahead = [
        await engine.prepare([message("m-1", "a", Add(name="x"))]),
        await engine.prepare([message("m-2", "b", Add(name="x"))]),
    ]

    first = engine.decide(ahead[0])
    second = engine.decide(ahead[1], first)

    assert outcome_of(second.results[0].outcome).code == "already_exists"


async def test_a_draft_that_cannot_be_written_leaves_nothing_of_itself(engine: Engine, store: Store) -> None:
    draft = engine.decide(
        await engine.prepare([message("m-1", "a"), message("m-2", "b", Add(unstorable=True))])
    )

    assert await engine.commit(draft) is None
    assert await total(engine, "a") == 0
    assert await history(store, "counter", "a", 0, 10) == []


async def test_an_outdated_version_is_refused_before_the_command_is_judged(engine: Engine) -> None:
    await engine.handle([message("m-1", "a")])

    (result,) = await engine.handle([message("m-2", "a", expect=0)])

    outcome = outcome_of(result.outcome)
    assert (outcome.code, outcome.extra) == ("version_conflict", {"stored": 1, "expected": 0})


async def test_an_alarm_rings_once_and_again_only_for_another_instant(engine: Engine, store: Store) -> None:
    await engine.handle([message("m-1", "a", Add(wake_at=WAKE))])
    now = micros(WAKE)

    rung = [await due(store, now), *[await _ring(engine, store, now) for _ in range(2)]]

    assert [len(alarms) for alarms in rung] == [1, 1, 0]
    assert (await engine.peek("counter", "a")).state.woken == 1


async def _ring(engine: Engine, store: Store, now: int) -> list[Envelope]:
    alarms = await due(store, now)
    await engine.handle(alarms)
    return alarms


async def test_an_alarm_that_is_not_wanted_any_more_changes_nothing(engine: Engine, store: Store) -> None:
    await engine.handle([message("m-1", "a", Add(wake_at=WAKE))])
    late = await due(store, micros(WAKE))
    await engine.handle([message("m-2", "a", Add(wake_at=WAKE.replace(year=2031)))])

    await engine.handle(late)

    assert (await engine.peek("counter", "a")).state.woken == 0
    assert len(await due(store, micros(WAKE.replace(year=2031)))) == 1


async def test_only_the_clock_may_say_that_it_rings(engine: Engine) -> None:
    forged = message("m-1", "a", Alarm(name="wake", due=WAKE), sender="operator")
    true = message("m-2", "a", Alarm(name="wake", due=WAKE), sender=ALARM)

    assert await statuses(engine, forged, true) == ["dead", "done"]


async def test_a_snapshot_leads_to_the_same_state_as_all_events(tmp_path: Path) -> None:
    async with open_store(tmp_path / "covey.db") as store:
        engine = Engine("here", [COUNTER], store)
        for number in range(3 * SNAPSHOT_EVENTS):
            await engine.handle([message(f"m-{number}", "a", Add(by=number))])
        kept = await store.run(lambda db: db.execute("SELECT version FROM snapshot").fetchone()[0])
        fresh = await Engine("here", [COUNTER], store).peek("counter", "a")
        await store.run(lambda db: db.execute("DELETE FROM snapshot"))
        replayed = await Engine("here", [COUNTER], store).peek("counter", "a")

    assert kept >= SNAPSHOT_EVENTS
    assert (fresh.state, fresh.version) == (replayed.state, replayed.version)


async def test_an_order_has_an_id_that_derives_from_its_cause(engine: Engine, store: Store) -> None:
    (result,) = await engine.handle([message("m-1", "a", Add(tell="b"))])
    before = [out.message for out in result.outgoing if out.lane == "CMD"]
    await store.run(
        lambda db: [db.execute(f"DELETE FROM {table}") for table in ("inbox", "journal", "outbox")]
    )

    (again,) = await Engine("here", [COUNTER], store).handle([message("m-1", "a", Add(tell="b"))])

    assert [out.message for out in again.outgoing if out.lane == "CMD"] == before != []


async def test_a_rehearsal_changes_nothing(engine: Engine, store: Store) -> None:
    lives: dict[tuple[str, str], object] = {}

    await engine.rehearse(message("m-1", "a"), lives)  # type: ignore[arg-type]  # filled by the call

    assert msgspec.to_builtins(lives["counter", "a"].state)["total"] == 1  # type: ignore[attr-defined]
    assert await total(engine, "a") == 0
    assert await history(store, "counter", "a", 0, 10) == []
