"""What is deleted: purged after 15 days to the microsecond, and its id free again after 30."""

from __future__ import annotations

import pytest

from actors.peers.copy import ACTOR as COPY
from messages.base import Alarm, encode
from messages.copies import Drop, Put, copy_id
from messages.envelope import ALARM, Address, Envelope, instant
from node.answers import Answers
from node.engine import Draft, Engine
from node.intake import outcome_of
from store.store import Store
from tests.node.conftest import TOYS
from tests.node.counter import AT, Add, Reach, Remove, Tidy, message
from tests.node.saying import DAY, asked, codes, count, ring, said

PURGED, FREED = AT + 15 * DAY, AT + 30 * DAY


async def deleted(engine: Engine, kind: str = "toy") -> None:
    await engine.handle([message("born", "a", Add(by=7), kind), message("gone", "a", Remove(), kind)])


async def test_the_events_are_purged_15_days_after_the_message_that_deleted_it(
    engine: Engine, store: Store
) -> None:
    await deleted(engine)

    rung = [await ring(engine, store, at) for at in (PURGED - 1, PURGED, PURGED)]

    assert rung == [[], ["~purge"], []]
    assert await count(store, "journal") == 0
    assert (await Engine("here", TOYS, store).peek("toy", "a")).version == 2


async def test_an_id_that_returns_is_free_after_30_days_and_begins_anew(engine: Engine, store: Store) -> None:
    await deleted(engine)

    rung = [await ring(engine, store, at) for at in (PURGED, FREED - 1, FREED)]
    (again,) = await said(engine, message("anew", "a", Add(by=1), "toy", expect=0))

    assert rung == [["~purge"], [], ["~free"]]
    assert again.version == 1
    assert (await Engine("here", TOYS, store).peek("toy", "a")).state.total == 1


async def test_nothing_of_a_freed_entity_is_left_but_the_outcomes_of_its_messages(
    engine: Engine, store: Store
) -> None:
    await deleted(engine)

    assert await ring(engine, store, FREED) == ["~purge", "~free"]

    tables = ("journal", "snapshot", "start", "entity", "alarm")
    assert [await count(store, table) for table in tables] == [0] * 5
    assert (await engine.peek("toy", "a")).version == 0


async def test_a_message_that_is_repeated_after_the_id_is_free_gets_its_first_outcome(
    engine: Engine, store: Store
) -> None:
    await deleted(engine)
    await ring(engine, store, FREED)

    (repeated,) = await said(engine, message("born", "a", Add(by=7), "toy"))

    assert (repeated.status, repeated.version) == ("done", 1)
    assert (await engine.peek("toy", "a")).version == 0


async def test_an_id_that_does_not_return_stays_taken_by_its_purged_entity(
    engine: Engine, store: Store
) -> None:
    await deleted(engine, "counter")

    rung = [await ring(engine, store, at) for at in (PURGED, FREED)]

    assert rung == [["~purge"], []]
    assert (await engine.peek("counter", "a")).version == 2


async def test_what_comes_back_is_not_purged_and_counts_anew_when_it_is_deleted_again(
    engine: Engine, store: Store
) -> None:
    await deleted(engine)
    await engine.handle([message("back", "a", Add(), "toy", at=AT + DAY)])
    unset = await count(store, "alarm")
    await engine.handle([message("gone-2", "a", Remove(), "toy", at=AT + 2 * DAY)])

    rung = [await ring(engine, store, at + 2 * DAY) for at in (PURGED - 1, PURGED, FREED)]

    assert unset == 0
    assert rung == [[], ["~purge"], ["~free"]]


async def test_an_alarm_of_an_earlier_deletion_purges_nothing(engine: Engine, store: Store) -> None:
    await deleted(engine)
    later = [
        message("back", "a", Add(), "toy", at=AT + 1),
        message("gone-2", "a", Remove(), "toy", at=AT + 2),
    ]
    await engine.handle(later)
    stale = Alarm(name="~purge", due=instant(PURGED))

    await Engine("here", TOYS, store).handle([message("late", "a", stale, "toy", sender=ALARM, at=PURGED)])

    assert await count(store, "journal") == 4
    assert await count(store, "alarm") == 2


async def test_what_happens_to_it_while_it_is_deleted_does_not_put_off_the_purge(
    engine: Engine, store: Store
) -> None:
    await deleted(engine)
    for number, again in enumerate((Remove(), Tidy())):
        await engine.handle([message(f"m-{number}", "a", again, "toy", at=AT + 5 * DAY)])

    assert await ring(engine, store, PURGED) == ["~purge"]


async def test_the_instant_of_the_deletion_survives_the_purge_and_a_restart(
    engine: Engine, store: Store
) -> None:
    await deleted(engine)
    await ring(engine, store, PURGED)

    live = await Engine("here", TOYS, store).peek("toy", "a")

    assert live.deleted_at == AT
    assert live.alarms["~free"] == instant(FREED)


async def test_created_and_deleted_in_one_batch_is_purged_too(engine: Engine, store: Store) -> None:
    batch = [message(f"m-{n}", "a", Remove() if n % 2 else Add(), "toy", at=AT + n) for n in range(4)]

    await engine.handle(batch)

    assert (await engine.peek("toy", "a")).deleted_at == AT + 3
    assert [await ring(engine, store, PURGED + at) for at in (2, 3)] == [[], ["~purge"]]


async def test_only_the_clock_may_say_that_an_entity_is_to_be_forgotten(engine: Engine) -> None:
    await deleted(engine)
    forged = Alarm(name="~free", due=instant(FREED))

    assert await codes(engine, message("forged", "a", forged, "toy", sender="operator")) == ["unknown_verb"]


async def test_an_id_that_is_free_within_a_batch_begins_anew_within_it(engine: Engine, store: Store) -> None:
    await deleted(engine)
    free = Alarm(name="~free", due=instant(FREED))
    batch = [
        message("early", "b", Add(), "toy"),
        message("free", "a", free, "toy", sender=ALARM, at=FREED),
        message("first", "a", Add(by=3), "toy", expect=0),
        message("second", "a", Reach(total=5), "toy", expect=1),
    ]

    outcomes = await said(engine, *batch)

    assert [outcome.version for outcome in outcomes] == [1, 0, 1, 2]
    live = await Engine("here", TOYS, store).peek("toy", "a")
    assert (live.version, live.state.total, live.summary is None) == (2, 5, False)


async def test_a_batch_is_decided_on_the_forgetting_that_is_not_written_yet(
    engine: Engine, store: Store
) -> None:
    await deleted(engine)
    free = message("free", "a", Alarm(name="~free", due=instant(FREED)), "toy", sender=ALARM, at=FREED)
    ahead = [
        await engine.prepare([free]),
        await engine.prepare([message("first", "a", Add(by=3), "toy", expect=0)]),
        await engine.prepare([message("other", "a", Add(), "puppet")]),
    ]

    first = engine.decide(ahead[0])
    second = engine.decide(ahead[1], first)
    await engine.commit(first)
    third = engine.decide(ahead[2], second)
    for draft in (second, third):
        await engine.commit(draft)

    assert [_code(draft) for draft in (first, second, third)] == ["done", "done", "wrong_kind"]
    assert (await Engine("here", TOYS, store).peek("toy", "a")).version == 1


def _code(draft: Draft) -> str:
    (result,) = draft.results
    outcome = outcome_of(result.outcome)
    return outcome.code or outcome.status


async def test_a_purge_that_cannot_be_written_leaves_all_as_it_was(engine: Engine, store: Store) -> None:
    await deleted(engine)
    purge = Alarm(name="~purge", due=instant(PURGED))
    bad = message("bad", "b", Add(unstorable=True), "toy")
    batch = [message("purge", "a", purge, "toy", sender=ALARM, at=PURGED), bad]

    draft = engine.decide(await engine.prepare(batch))
    written = await engine.commit(draft)
    events = await count(store, "journal")
    results = await engine.redo(draft)

    assert (written, events) == (None, 2)
    assert [outcome_of(result.outcome).status for result in results] == ["done", "dead"]
    assert await count(store, "journal") == 0


@pytest.mark.parametrize("query", ["get", "history", "total", "until"])
async def test_what_its_kind_hides_cannot_be_asked_for_once_it_is_deleted(
    engine: Engine, answers: Answers, query: str
) -> None:
    await deleted(engine)

    assert (await asked(answers, "toy", "a", query))["code"] == "not_found"


async def test_a_deleted_one_that_is_not_hidden_still_tells_its_history(
    engine: Engine, answers: Answers
) -> None:
    await deleted(engine, "counter")

    assert len((await asked(answers, "counter", "a", "history"))["events"]) == 2


async def test_the_tombstone_of_a_copy_survives_its_purge(store: Store) -> None:
    engine = Engine("here", [COPY], store)
    id = copy_id("centre", "workflow", "w")
    put = Put(owner="centre", kind="workflow", id="w", name="w", generation=2, version=3, body={}, can=())
    drop = Drop(owner="centre", kind="workflow", id="w", generation=2, version=4)
    await engine.handle([_from_owner("m-1", id, put), _from_owner("m-2", id, drop)])

    rung = await ring(engine, store, FREED)
    again = Engine("here", [COPY], store)
    outcomes = await said(again, _from_owner("m-3", id, put))

    assert rung == ["~purge"]
    assert (outcomes[0].status, outcomes[0].version) == ("done", 2)
    assert not (await again.peek("copy", id)).state.is_held


def _from_owner(message_id: str, id: str, command: Put | Drop) -> Envelope:
    verb = "put" if isinstance(command, Put) else "drop"
    body = encode(command)
    return Envelope(id=message_id, to=Address("copy", id), verb=verb, body=body, at=AT, sender="peer/centre")
