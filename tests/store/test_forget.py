"""Forgetting on a real file: a new start, and an id that begins anew."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from store.open import migrations, open_store
from store.queries import chronicle
from store.step import Listed, Step
from store.store import Store
from tests.store.test_store import step

KEY = ("toy", "t")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "covey.db") as store:
        yield store


def trim(id: str, version: int) -> Step:
    """Return a step that writes the event of a version, and is the new start."""
    return step(
        id, version, snapshot=(version, b"s%d" % version, None), trims=True, listed=Listed(version=version)
    )


def forget(id: str, entity: str = "t") -> Step:
    """Return a step after which an entity was never written."""
    return Step(handled=msgspec.structs.replace(step(id).handled, entity=entity), forgets=True)


async def past(store: Store) -> tuple[int, bytes | None, list[int]]:
    """Return the snapshot and the versions of the events behind it."""
    found = (await store.read([], [KEY], [], [])).pasts[KEY]
    return found.version, found.state, [event.version for event in found.events]


async def test_a_new_start_stands_for_the_events_before_it_and_no_others(store: Store) -> None:
    await store.write([step("m-1"), trim("m-2", 2), step("m-3", version=3)])

    assert await past(store) == (2, b"s2", [3])
    found = await chronicle(store, KEY, 0, 10)
    assert (found.start, [event["version"] for event in found.events]) == ((2, b"s2"), [3])


async def test_the_last_start_of_a_batch_counts(store: Store) -> None:
    await store.write([trim("m-1", 1), step("m-2", version=2), trim("m-3", 3)])

    assert await past(store) == (3, b"s3", [])
    assert (await chronicle(store, KEY, 0, 10)).start == (3, b"s3")


async def test_an_entity_that_is_forgotten_begins_anew_in_the_same_batch(store: Store) -> None:
    await store.write([trim("m-1", 1), step("m-2", version=2, alarms={"wake": 5})])

    await store.write([forget("m-3"), step("m-4"), forget("m-5"), step("m-6")])

    assert await past(store) == (0, None, [1])
    assert await store.due(10, 10) == []
    assert set((await store.read([f"m-{n}" for n in range(9)], [], [], [])).outcomes) == {
        f"m-{n}" for n in range(1, 7)
    }


async def test_what_is_forgotten_takes_nothing_of_others_with_it(store: Store) -> None:
    await store.write([step("m-1"), step("m-2", version=2, listed=Listed(version=2))])

    await store.write([forget("m-3", "u")])

    assert await past(store) == (0, None, [1, 2])


async def test_what_an_older_file_holds_of_the_deleted_is_purged_too(tmp_path: Path) -> None:
    path = tmp_path / "covey.db"
    with sqlite3.connect(path) as old:
        old.executescript(migrations()[0][1])
        old.execute("PRAGMA user_version = 1")
        for id, listed in (("gone", 0), ("here", 1)):
            row = (id, 7, "toy.put", b"{}", "m", "", "", "operator", 1000)
            old.execute("INSERT INTO journal VALUES (NULL, 'toy', ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            shown = (id, listed, "toy", id)
            old.execute(
                "INSERT INTO entity VALUES ('toy', ?, 7, ?, ?, ?, '', '', '', '', NULL, '{}', '{}')", shown
            )
    old.close()

    async with open_store(path) as store:
        due = 1000 + 15 * 24 * 3600 * 1_000_000
        assert await store.due(due - 1, 10) == []
        assert await store.due(due, 10) == [("toy", "gone", "~purge", due)]
