"""Versions: a stale writer is told so, one that asks for it is tried again, none sees half a command."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from messages.envelope import RETRY
from node.engine import CONFLICTS_MAX, RETRY_ATTEMPTS, Engine
from store.queries import dead_letters, history
from store.step import Memory
from store.store import Key, Store
from tests.node.conftest import TOYS
from tests.node.counter import Add, Reach, message
from tests.node.saying import codes, count, said

RIVAL = b'{"type": "counter.added", "by": 100}'


def write_behind(path: Path, id: str) -> None:
    """Write the next event of a counter into the file, as no engine of ours does."""
    with sqlite3.connect(path) as rival:
        sql = "SELECT coalesce(max(version), 0) + 1 FROM journal WHERE kind = 'counter' AND id = ?"
        (version,) = rival.execute(sql, (id,)).fetchone()
        row = (None, "counter", id, version, "counter.added", RIVAL, "rival", "", "", "operator", 1)
        rival.execute(f"INSERT INTO journal VALUES ({','.join('?' * len(row))})", row)
    rival.close()


class Contested(Store):
    """The same file, in which a rival writes each time after an entity was read."""

    def __init__(self, store: Store, path: Path, rivals: int) -> None:
        super().__init__(store._database, 1000)
        self._path = path
        self.rivals = rivals

    async def read(self, messages: Sequence[str], entities: Sequence[Key], *needs: Any) -> Memory:
        memory = await super().read(messages, entities, *needs)
        for kind, id in entities:
            if kind == "counter" and self.rivals:
                self.rivals -= 1
                write_behind(self._path, id)
        return memory


def contested(store: Store, path: Path, rivals: int) -> Engine:
    return Engine("here", TOYS, Contested(store, path / "covey.db", rivals))


@pytest.mark.parametrize("rivals", [1, RETRY_ATTEMPTS - 1])
async def test_a_write_that_asks_for_it_is_tried_until_nobody_is_faster(
    store: Store, tmp_path: Path, rivals: int
) -> None:
    engine = contested(store, tmp_path, rivals)

    (outcome,) = await said(engine, message("m-1", "a", Add(by=1), expect=RETRY))

    assert (outcome.status, outcome.version) == ("done", rivals + 1)
    assert (await engine.peek("counter", "a")).state.total == 100 * rivals + 1


async def test_a_write_that_was_tried_six_times_is_a_version_conflict(store: Store, tmp_path: Path) -> None:
    engine = contested(store, tmp_path, RETRY_ATTEMPTS)

    (outcome,) = await said(engine, message("m-1", "a", expect=RETRY))

    assert (RETRY_ATTEMPTS, outcome.code) == (6, "version_conflict")
    assert outcome.extra == {"stored": 6, "expected": 5}
    assert await count(store, "deadletter") == 0


async def test_a_refusal_after_six_attempts_is_what_a_repeat_gets(store: Store, tmp_path: Path) -> None:
    engine = contested(store, tmp_path, RETRY_ATTEMPTS)
    first = await engine.handle([message("m-1", "a", expect=RETRY)])

    again = await engine.handle([message("m-1", "a", expect=RETRY)])

    assert again[0].outcome == first[0].outcome


async def test_a_write_that_is_retried_is_refused_at_once_by_the_rules(engine: Engine, store: Store) -> None:
    await engine.handle([message("m-1", "a", Add(name="x"))])

    refused = await codes(engine, message("m-2", "b", Add(name="x"), expect=RETRY))

    assert refused == ["already_exists"]


async def test_without_a_word_on_versions_a_write_that_always_loses_is_a_dead_letter(
    store: Store, tmp_path: Path
) -> None:
    engine = contested(store, tmp_path, CONFLICTS_MAX + 1)

    (outcome,) = await said(engine, message("m-1", "a"))

    assert outcome.status == "dead"
    assert [letter["message"] for letter in await dead_letters(store, "dead", 0, 10)] == ["m-1"]


async def test_without_a_word_on_versions_a_write_is_decided_anew_when_another_was_faster(
    store: Store, tmp_path: Path
) -> None:
    engine = contested(store, tmp_path, CONFLICTS_MAX)

    (outcome,) = await said(engine, message("m-1", "a"))

    assert (outcome.status, outcome.version) == ("done", CONFLICTS_MAX + 1)


async def test_a_version_that_is_outrun_while_it_is_written_is_a_conflict(
    store: Store, tmp_path: Path
) -> None:
    engine = contested(store, tmp_path, 1)

    (outcome,) = await said(engine, message("m-1", "a", expect=0))

    assert (outcome.code, outcome.extra) == ("version_conflict", {"stored": 1, "expected": 0})


async def test_a_stale_version_is_a_conflict_even_if_nothing_would_change(engine: Engine) -> None:
    await engine.handle([message("m-1", "a", Add(by=5)), message("m-2", "a", Add(by=2))])

    codes_ = await codes(engine, message("m-3", "a", Reach(total=7), expect=1))

    assert codes_ == ["version_conflict"]


@pytest.mark.parametrize("expect", [None, 1, RETRY])
async def test_what_changes_nothing_answers_the_version_that_there_is(
    engine: Engine, store: Store, expect: int | None
) -> None:
    await engine.handle([message("m-1", "a", Add(by=5))])

    (outcome,) = await said(engine, message("m-2", "a", Reach(total=5), expect=expect))

    assert (outcome.status, outcome.version, outcome.events) == ("done", 1, [])
    assert await count(store, "journal") == 1


async def test_what_changes_nothing_tells_how_things_are(engine: Engine) -> None:
    await engine.handle([message("m-1", "a", Add(by=5), "toy")])

    (outcome,) = await said(engine, message("m-2", "a", Reach(total=5), "toy"))

    assert outcome.extra == {"total": 5}


async def test_of_two_first_writes_one_wins(engine: Engine) -> None:
    race = [message("m-1", "a", Add(by=1), expect=0), message("m-2", "a", Add(by=2), expect=0)]

    first, second = await said(engine, *race)

    assert (first.status, first.version) == ("done", 1)
    assert (second.code, second.extra) == ("version_conflict", {"stored": 1, "expected": 0})


async def test_of_two_first_writes_in_two_batches_one_wins(engine: Engine) -> None:
    ahead = [await engine.prepare([message(f"m-{n}", "a", expect=0)]) for n in range(2)]

    first = engine.decide(ahead[0])
    second = engine.decide(ahead[1], first)
    await engine.commit(first)
    await engine.commit(second)

    assert b"version_conflict" in second.results[0].outcome
    assert (await engine.peek("counter", "a")).version == 1


async def test_all_events_of_one_command_become_visible_together(engine: Engine, store: Store) -> None:
    seen = set()

    async def look() -> None:
        while len(rows := await history(store, "counter", "a", 0, 500)) < 200:
            seen.add(len(rows))

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(look())
        for number in range(4):
            await engine.handle([message(f"m-{number}", "a", Add(times=50))])

    assert {number % 50 for number in seen} <= {0}
