"""A node stops gracefully, or not at all, and goes on where it was."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from node.home import WrongName
from node.run import running
from node.settings import Settings
from store.open import DirectoryInUse, NewerSchema
from tests.federation.stage import Place, executions, fresh, once, planned
from tests.nodes import one_node, operating

START_SECONDS = 60.0
STOP_SECONDS = 30.0


@asynccontextmanager
async def up(data: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``covey up`` as a process of its own, until it ends or the context does."""
    command = (
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "up",
        "--node",
        "acme",
        "--data",
        str(data),
    )
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            assert b"ready" in await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_node_stops_at_a_signal_and_answers_what_it_took(tmp_path: Path) -> None:
    async with up(tmp_path / "acme") as process, operating(tmp_path / "acme") as acme:
        calls = [acme.done("resource", f"data-{n}", "save", name=f"{n}", type="data") for n in range(50)]
        await asyncio.gather(*calls)

        process.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(process.wait(), STOP_SECONDS) == 0
    assert not (tmp_path / "acme" / "endpoint.json").exists()
    async with one_node(tmp_path / "acme", "acme") as again:
        assert len(await again.items("resource")) == 50


async def test_what_was_acknowledged_survives_a_kill_and_the_start_needs_no_help(tmp_path: Path) -> None:
    async with up(tmp_path / "acme") as process, operating(tmp_path / "acme") as acme:
        id = await planned(acme)
        process.kill()
        await process.wait()

    async with one_node(tmp_path / "acme", "acme") as again:
        found = await executions(again, id)
        assert [one["state"] for one in found] == ["scheduled", "scheduled"]
        await again.done("execution", found[0]["id"], "start")
        await again.event("execution.started", found[0]["id"])


async def test_a_cascade_that_was_cut_is_finished_after_the_next_start(tmp_path: Path) -> None:
    id = fresh("wf")
    async with up(tmp_path / "acme") as process, operating(tmp_path / "acme") as acme:
        await acme.done("workflow", id, "save", name=id)
        process.kill()  # the workspace has perhaps not heard of it yet
        await process.wait()

    async with one_node(tmp_path / "acme", "acme") as again:
        await again.becomes(lambda: again.ask("workspace", "get", f"{id}_ws"), lambda one: "name" in one)


async def test_the_outcome_of_a_message_is_the_same_after_a_restart(tmp_path: Path) -> None:
    place, headers = Place(tmp_path / "acme"), {"Nats-Msg-Id": "only-once"}
    first = await (await place.start()).call("resource", "d", "save", headers, name="one", type="data")
    await place.stop()

    node = await place.start()
    again = await node.call("resource", "d", "save", headers, name="one", type="data")
    await place.stop()

    assert (again, first["status"], first["version"]) == (first, "done", 1)


async def test_an_alarm_that_comes_due_while_the_node_is_away_is_delivered_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "acme")
    node = await place.start()
    id = await planned(node, schedule=once(0.7, grace="PT0.01S"))
    (execution,) = await executions(node, id)
    await place.stop()

    again = await place.start()

    await again.becomes(lambda: executions(again, id), lambda found: found[0]["state"] == "forgotten")
    history = (await again.ask("execution", "history", execution["id"]))["events"]
    assert [event["type"] for event in history].count("execution.forgotten") == 1
    await place.stop()


async def test_an_alarm_of_the_future_survives_a_restart(tmp_path: Path) -> None:
    place = Place(tmp_path / "acme")
    id = await planned(await place.start(), schedule=once(1.5, grace="PT0.1S"))
    await place.stop()

    again = await place.start()

    await again.becomes(lambda: executions(again, id), lambda found: found[0]["state"] == "forgotten")
    await place.stop()


async def test_two_processes_do_not_share_a_data_directory(tmp_path: Path) -> None:
    async with one_node(tmp_path / "acme", "acme") as first:
        with pytest.raises(DirectoryInUse, match="in use"):
            async with running(Settings(data=tmp_path / "acme")):
                raise AssertionError("it runs twice")

        await first.done("resource", "d", "save", name="still here", type="data")


async def test_the_data_of_a_later_version_are_refused(tmp_path: Path) -> None:
    await _made(tmp_path / "acme")
    with closing(sqlite3.connect(tmp_path / "acme" / "covey.db")) as database:
        database.execute("PRAGMA user_version = 999")

    with pytest.raises(NewerSchema, match="upgrade covey"):
        await _made(tmp_path / "acme")


async def test_a_data_directory_keeps_the_name_of_its_node(tmp_path: Path) -> None:
    await _made(tmp_path / "acme")

    with pytest.raises(WrongName, match="node acme"):
        await _made(tmp_path / "acme", "other")


async def _made(data: Path, name: str = "acme") -> None:
    async with running(Settings(data=data, node=name)):
        pass


async def test_keys_and_data_are_private(tmp_path: Path) -> None:
    await _made(tmp_path / "acme")

    modes = {path: path.stat().st_mode & 0o077 for path in (tmp_path / "acme" / "keys").rglob("*")}
    assert modes
    assert set(modes.values()) == {0}
    assert (tmp_path / "acme" / "covey.db").stat().st_mode & 0o077 == 0
