"""The life of a run of a job or a routine after its end, in virtual time: deleted, purged, its id free again.

Each at its instant and not a microsecond before. The days are written here, not taken from the code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors import ACTORS
from actors.jobs.job_effects import there
from messages.base import encode
from messages.envelope import Address, Envelope, derive, micros
from messages.job_run import Stop
from tests.node.virtual import Node, virtual
from tests.spec import NOON

DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
KEPT, PURGED, FREE = 30 * DAY, 15 * DAY, 30 * DAY
"""From the end; from the deletion; from the deletion."""
OUTCOME = timedelta(hours=1)
KINDS = ("job_run", "routine_run")
EACH = pytest.mark.parametrize("kind", KINDS)
LATER_SCHEMA = 4
"""With which runs began to be deleted."""


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with virtual(tmp_path, ACTORS, NOON) as node:
        await programs(node)
        yield node


async def programs(node: Node) -> None:
    """Have a job, and a routine of it."""
    tool = {"tag": "tool - 1", "path": "/usr/bin/tool", "parameters": [{"flag": "-a"}]}
    await node.done("executable", "tool-1", "save", **tool)
    await node.done("command", "go", "save", executable="tool-1", flags=["-a"])
    await node.done("job", "work", "save", command="go")
    await node.done("routine", "nightly", "save", steps=[{"job": "work", "retries": 1}])


def job_of(run: str, attempt: int = 1) -> str:
    """Return the run of the job of the only step of a run of the routine."""
    return derive(f"{run}/work/{attempt}", "job_run")


async def begun(node: Node, kind: str) -> str:
    """Begin a run, and return the run of a job that is under way for it."""
    of = ("job", "work") if kind == "job_run" else ("routine", "nightly")
    await node.done(*of, "run", run="r-1")
    return "r-1" if kind == "job_run" else job_of("r-1")


async def end(node: Node, run: str, state: str = "success") -> None:
    result: dict[str, Any] = {"state": state, "code": 0 if state == "success" else 1}
    await node.done("job_run", run, "start", token=f"t-{run}", worker="w")
    await node.done("job_run", run, "end", token=f"t-{run}", result=result)


async def ended(node: Node, kind: str) -> datetime:
    """Have a run end an hour after its begin; return when it is to be deleted."""
    run = await begun(node, kind)
    node.now = NOON + OUTCOME
    await end(node, run)
    assert (await node.ask(kind, "r-1", "get"))["status"] == "success"
    return node.now + KEPT


async def deleted(node: Node, kind: str) -> datetime:
    at = await ended(node, kind)
    assert f"{kind}.r-1 delete" in await node.ring(at)
    return at


@EACH
async def test_it_is_deleted_30_days_after_its_end_and_not_an_instant_before(node: Node, kind: str) -> None:
    at = await ended(node, kind)

    assert await node.ring(at - INSTANT) == []
    assert (await node.ask(kind, "r-1", "get"))["id"] == "r-1"
    assert f"{kind}.r-1 delete" in await node.ring(at)
    assert await node.ring(at + INSTANT) == []


@EACH
async def test_it_stays_as_long_as_it_has_not_ended(node: Node, kind: str) -> None:
    await begun(node, kind)

    await node.ring(NOON + 400 * DAY)

    assert (await node.ask(kind, "r-1", "get"))["ended_at"] is None


@EACH
async def test_it_is_not_seen_any_more_at_once(node: Node, kind: str) -> None:
    await deleted(node, kind)

    asked: dict[str, dict[str, str]] = {"get": {}, "history": {}, "wait": {}}
    asked |= {"fetch": {"file": "x"}} if kind == "job_run" else {}
    assert {(await node.ask(kind, "r-1", one, **about))["code"] for one, about in asked.items()} == {
        "not_found"
    }
    assert (await node.ask(kind, "", "list"))["items"] == []


@EACH
async def test_its_events_are_purged_15_days_later_and_its_id_is_free_after_30(node: Node, kind: str) -> None:
    at = await deleted(node, kind)

    rung = [
        [name for name in await node.ring(moment) if name.startswith(f"{kind}.r-1 ")]
        for moment in (at + PURGED - INSTANT, at + PURGED, at + FREE - INSTANT, at + FREE)
    ]

    assert rung == [[], [f"{kind}.r-1 ~purge"], [], [f"{kind}.r-1 ~free"]]
    tables = ("journal", "snapshot", "start", "entity", "alarm")
    assert [await node.count(table, kind, "r-1") for table in tables] == [0] * 5


@EACH
async def test_its_id_is_taken_until_it_is_free(node: Node, kind: str) -> None:
    at = await deleted(node, kind)
    codes = []
    for moment in (at, at + PURGED, at + FREE - INSTANT):
        await node.ring(moment)
        before = await node.count("journal", kind, "r-1")
        await begun(node, kind)
        codes.append((await node.count("journal", kind, "r-1")) - before)

    await node.ring(at + FREE)
    await begun(node, kind)

    assert codes == [0, 0, 0]
    assert (await node.ask(kind, "r-1", "get"))["status"] in ("queued", "running")


@EACH
async def test_it_can_be_deleted_earlier_and_again_but_not_before_its_end(node: Node, kind: str) -> None:
    run = await begun(node, kind)
    early = await node.say(kind, "r-1", "delete")
    await end(node, run)

    first = await node.done(kind, "r-1", "delete")
    again = await node.done(kind, "r-1", "delete")

    assert early.code == "started"
    assert (len(first.events), len(again.events)) == (1, 0)
    assert (await node.ask(kind, "r-1", "get"))["code"] == "not_found"
    assert (await node.say(kind, "r-1", "cancel")).code == "deleted"


async def test_what_is_said_late_of_a_deleted_run_changes_nothing(node: Node) -> None:
    await deleted(node, "job_run")

    late = await node.done("job_run", "r-1", "end", token="t-r-1", result={"state": "success"})
    start = await node.done("job_run", "r-1", "start", token="t-2", worker="w")

    assert (late.events, start.events) == ([], [])


async def test_who_deletes_the_run_of_a_routine_deletes_every_try_of_its_jobs(node: Node) -> None:
    await begun(node, "routine_run")
    await end(node, job_of("r-1"), "failure")
    (retry,) = await node.ring(NOON + timedelta(minutes=5))
    await end(node, job_of("r-1", 2))
    assert len((await node.ask("job_run", "", "list"))["items"]) == 2

    await node.done("routine_run", "r-1", "delete")

    assert retry.startswith("routine_run.r-1 retry.")
    assert (await node.ask("job_run", "", "list"))["items"] == []


async def test_a_run_that_a_partner_gave_up_before_it_came_is_deleted_too(node: Node) -> None:
    id = there("centre", "r-9")
    stop = encode(Stop(run="r-9", reason="no"))
    to, at = Address("job_run", id), micros(NOON)
    await node.engine.handle([Envelope(id="m", to=to, verb="stop", body=stop, at=at, sender="peer/centre")])
    (shown,) = (await node.ask("job_run", "", "list"))["items"]

    rung = [await node.ring(at) for at in (NOON + KEPT - INSTANT, NOON + KEPT)]

    assert (shown["job"], shown["status"]) == ("r-9", "cancelled")
    assert rung == [[], [f"job_run.{id} delete"]]
    assert (await node.ask("job_run", "", "list"))["items"] == []


@EACH
async def test_runs_that_had_ended_before_they_were_deleted_go_as_well(tmp_path: Path, kind: str) -> None:
    async with virtual(tmp_path, ACTORS, NOON) as before:
        await programs(before)
        at = await ended(before, kind)
    with sqlite3.connect(tmp_path / "covey.db") as old:
        old.execute("DELETE FROM alarm")
        old.execute(f"PRAGMA user_version = {LATER_SCHEMA - 1}")
    old.close()

    async with virtual(tmp_path, ACTORS, at) as after:
        rung = [await after.ring(moment) for moment in (at - INSTANT, at)]

        assert rung[0] == []
        assert f"{kind}.r-1 delete" in rung[1]
        assert (await after.ask(kind, "r-1", "get"))["code"] == "not_found"
