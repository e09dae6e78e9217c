"""The store on a real file: whole steps, kept order, one process, forward migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from store.bulk import CHUNKS
from store.open import PRAGMAS, DirectoryInUse, NewerSchema, migrations, open_store
from store.queries import figures
from store.step import Handled, Outgoing, Recorded, Step
from store.store import Store, VersionConflict


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "covey.db") as store:
        yield store


def step(id: str, version: int = 1, **more: Any) -> Step:
    handled = Handled(
        id=id,
        digest=b"d",
        outcome=b"{}",
        kind="toy",
        entity="t",
        verb="put",
        cause="",
        correlation=id,
        sender="operator",
        at=10,
    )
    return Step(handled=handled, events=[Recorded(version, "toy.put", b"{}")], **more)


def outgoing(position: int, lane: str = "EVT", number: int | None = None, at: int = 10) -> Outgoing:
    return Outgoing(
        position=position,
        lane=lane,
        subject="s",
        message=f"o{position}",
        headers=b"",
        body=b"{}",
        number=number,
        at=at,
    )


async def unsent(store: Store, lane: str) -> list[int]:
    return [row.position for row in await store.unsent(lane, 0, 1000)]


async def test_a_stale_step_is_refused_whole(store: Store) -> None:
    await store.write([step("m-1")])

    with pytest.raises(VersionConflict):
        await store.write([step("m-2", version=2), step("m-3", version=2, outgoing=[outgoing(1)])])

    memory = await store.read(["m-1", "m-2", "m-3"], [("toy", "t")], [], [])
    assert set(memory.outcomes) == {"m-1"}
    assert [event.version for event in memory.pasts["toy", "t"].events] == [1]
    assert await unsent(store, "EVT") == []


async def test_rows_are_kept_in_order_however_many_there_are(store: Store) -> None:
    count = sum(CHUNKS) * 2 + 3

    await store.write([step("m-1", outgoing=[outgoing(n) for n in range(1, count + 1)])])
    await store.write([], [(n, n * 10) for n in range(1, count)])

    assert await unsent(store, "EVT") == [count]
    sent = await store.run(lambda db: list(db.execute("SELECT position, sent FROM outbox ORDER BY position")))
    assert sent == [(n, n * 10) for n in range(1, count)] + [(count, None)]


async def test_what_a_peer_acknowledged_is_forgotten_and_the_rest_is_said_again_under_another_id(
    store: Store,
) -> None:
    lane = "out/centre"
    await store.write([step("m-1", outgoing=[outgoing(n, lane, number=n) for n in (1, 2, 3)])], [])
    await store.write([], [(1, 1), (2, 2), (3, 3)])

    await store.write([step("m-2", version=2, acknowledged=[(lane, 1)], repeat=[(lane, 2)])])

    rows = await store.unsent(lane, 0, 10)
    assert [(row.number, row.message) for row in rows] == [(2, "o2+"), (3, "o3+")]


async def test_what_is_asked_for_again_is_unsent_though_it_is_noted_just_now_that_it_was_sent(
    store: Store,
) -> None:
    lane = "out/centre"
    await store.write([step("m-1", outgoing=[outgoing(1, lane, number=1)])])

    await store.write([step("m-2", version=2, repeat=[(lane, 1)])], [(1, 7)])

    assert await unsent(store, lane) == [1]


async def test_what_a_shorter_broker_lost_is_unsent_but_for_commands_that_were_handled(store: Store) -> None:
    handled = Outgoing(position=1, lane="CMD", subject="s", message="m-1", headers=b"", body=b"{}", at=10)
    await store.write([step("m-1", outgoing=[handled, outgoing(2, "CMD"), outgoing(3, "CMD")])])
    await store.write([], [(1, 5), (2, 6), (3, 4)])

    assert await store.lost("CMD", 4) == 1
    assert await unsent(store, "CMD") == [2]


async def test_only_what_is_old_and_sent_is_pruned(store: Store) -> None:
    rows = [outgoing(1), outgoing(2), outgoing(3, "out/centre", number=1), outgoing(4, at=99)]
    await store.write([step("m-1", outgoing=rows)])
    await store.write([], [(1, 1), (3, 1), (4, 2)])

    await store.prune(before=50, limit=100)

    left = await store.run(lambda db: [row[0] for row in db.execute("SELECT position FROM outbox")])
    assert left == [2, 3, 4]
    assert (await store.read(["m-1"], [], [], [])).outcomes == {}


async def test_positions_go_on_after_a_restart(tmp_path: Path) -> None:
    async with open_store(tmp_path / "covey.db") as store:
        await store.write([step("m-1", outgoing=[outgoing(7)])])
    async with open_store(tmp_path / "covey.db") as store:
        assert store.next_position() == 8


async def test_two_processes_never_share_a_data_directory(tmp_path: Path) -> None:
    async with open_store(tmp_path / "covey.db"):
        with pytest.raises(DirectoryInUse, match="in use by another covey process"):
            async with open_store(tmp_path / "covey.db"):
                pass


async def test_the_file_survives_a_power_cut_by_its_settings(store: Store) -> None:
    told = (await figures(store))["pragmas"]

    assert (told["journal_mode"], told["synchronous"], PRAGMAS["synchronous"]) == ("wal", 2, "full")


async def test_an_older_file_is_brought_up_to_date_and_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "covey.db"
    with sqlite3.connect(path) as old:
        old.executescript(migrations()[0][1])
        old.execute("PRAGMA user_version = 1")
        old.execute("INSERT INTO meta VALUES ('who', 'lab')")

    async with open_store(path) as store:
        version = await store.run(lambda db: db.execute("PRAGMA user_version").fetchone()[0])

        assert version == migrations()[-1][0]
        assert await store.meta("who") == "lab"


async def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "covey.db") as newer:
        newer.execute("PRAGMA user_version = 99")

    with pytest.raises(NewerSchema, match="upgrade covey"):
        async with open_store(tmp_path / "covey.db"):
            pass


def test_migrations_are_numbered_without_gap() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))
