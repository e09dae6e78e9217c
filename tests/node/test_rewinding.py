"""A run that goes back is told what it was, from a history of any length."""

from __future__ import annotations

import pytest

from actors.flow.actor import ACTOR
from actors.flow.rewind import rewound
from messages.envelope import ACTOR as ACTOR_SAYS
from messages.run import Begin, Rewind
from node.answers import Answers
from node.engine import Engine
from node.live import decode_event
from node.rewinding import rewind
from store.queries import HISTORY_BYTES_MAX, history
from store.store import Store
from tests.node.counter import message
from tests.node.saying import asked, said

HEAD = {"document": {"dsl": "1.0.3", "namespace": "t", "name": "t", "version": "1.0.0"}}
LARGE = 100_000


@pytest.fixture
def runs(store: Store) -> Engine:
    return Engine("here", [ACTOR], store)


async def begun(runs: Engine, id: str = "a") -> None:
    """Let a run have input so large that few of its events fit into one answer."""
    big = {"big": "x" * LARGE}
    tasks = [{f"t{number}": {"set": {"big": "${ .big }"}}} for number in range(8)]
    begin = Begin(workflow="w", definition={**HEAD, "do": tasks}, input=big)
    await said(runs, message(f"m-{id}", id, begin, "run", sender=ACTOR_SAYS))


async def test_the_whole_history_is_read_however_large_it_is(runs: Engine, store: Store) -> None:
    await begun(runs)
    rows = await history(store, "run", "a", 0, 500)
    events = [decode_event(ACTOR, row["type"], row["body"]) for row in rows]
    ask = Rewind(run="a", version=len(rows), start="/do/3/t3")

    assert sum(len(row["body"]) for row in rows) > 2 * HISTORY_BYTES_MAX
    assert await rewind(store, ask) == rewound(ask, events)
    assert (await rewind(store, ask)).problem is None


async def test_what_has_no_beginning_cannot_go_back(store: Store) -> None:
    told = await rewind(store, Rewind(run="nobody", version=3, start="failed"))

    assert told.problem is not None
    assert "retry it from its start" in told.problem.detail


async def test_histories_and_listings_are_told_in_parts_that_fit(runs: Engine, store: Store) -> None:
    answers = Answers(runs, store, [ACTOR])
    for number in range(9):
        await begun(runs, f"r{number}")

    versions, after = [], 0
    while after is not None:
        part = await asked(answers, "run", "r0", "history", after=after)
        versions += [row["version"] for row in part["events"]]
        after = part["next"]
    found, cursor = [], ""
    for _ in range(9):
        page = await asked(answers, "run", "", "list", cursor=cursor)
        found += [item["id"] for item in page["items"]]
        cursor = page["cursor"]
        if not cursor:
            break

    assert versions == list(range(1, len(versions) + 1))
    assert found == [f"r{number}" for number in range(9)]
    assert len(page["items"]) < 9
