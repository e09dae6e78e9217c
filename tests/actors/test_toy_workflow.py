"""A new workflow is one table and no other code: it decides, is kept, listed, asked, timed and forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from actors.ephemeral import ephemeral, workflow_index
from actors.ephemeral.phased import phased
from messages.base import Name, Token
from tests.actors.derived import Case, cases, holds
from tests.node.virtual import Node, virtual
from tests.spec import NOON

TOY = phased(
    "toy",
    "Bake a cake.",
    arguments={"registry_id": Token, "cake": Name},
    phases={"baking": "baking"},
    expires=timedelta(days=1),
    deleted=timedelta(days=5),
)
BAKED = ("begin_baking", "commit_baking", "commit")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with virtual(tmp_path, (ephemeral.actor(TOY), workflow_index.ACTOR), NOON) as node:
        yield node


async def baked(node: Node) -> None:
    await node.done("toy", "t-1", "init", registry_id="r-1", cake="plum")
    for verb in BAKED:
        await node.done("toy", "t-1", verb)


@pytest.mark.parametrize("case", cases(TOY), ids=str)
def test_a_cell_is_as_the_table_says(case: Case) -> None:
    holds(case)


async def test_it_is_begun_and_done_and_ended_by_its_index(node: Node) -> None:
    await baked(node)

    told = await node.ask("toy", "t-1", "get")

    assert (told["state"], told["cake"], told["code"], told["version"]) == ("terminated", "plum", 0, 5)
    index = await node.ask("workflow_index", "r-1", "get")
    assert [entry["workflow"] for entry in index["completed"]] == ["t-1"]


async def test_it_is_listed_by_its_state_and_its_registry(node: Node) -> None:
    await baked(node)
    await node.done("toy", "t-2", "init", registry_id="r-2", cake="plum")

    listed = [await node.ask("toy", "", "list", **by) for by in ({"parent": "r-2"}, {"status": "terminated"})]

    assert [[item["id"] for item in page["items"]] for page in listed] == [["t-2"], ["t-1"]]


async def test_it_tells_its_status_and_whoever_waits_for_it(node: Node) -> None:
    await node.done("toy", "t-1", "init", registry_id="r-1", cake="plum")
    await node.done("toy", "t-1", "begin_baking")
    status = await node.ask("toy", "t-1", "status")
    early = await node.ask("toy", "t-1", "wait", timeout=0.01)
    await node.done("toy", "t-1", "abort_baking", code=7, message="it is burnt")
    await node.done("toy", "t-1", "abort", code=7, message="it is burnt")

    ended = await node.ask("toy", "t-1", "wait")

    assert (
        status
        == early
        == {
            "state": "baking",
            "code": 100,
            "status": "baking",
            "message": "",
            "is_final": False,
        }
    )
    assert (ended["is_final"], ended["code"], ended["message"]) == (True, 7, "it is burnt")


async def test_it_is_refused_as_its_table_says(node: Node) -> None:
    await baked(node)

    refused = await node.say("toy", "t-1", "abort", code=1, message="too late")

    assert (refused.code, refused.version) == ("already_terminated", 5)


async def test_what_changes_nothing_tells_how_it_has_ended_and_the_version(node: Node) -> None:
    await baked(node)

    again = await node.done("toy", "t-1", "end")

    assert (again.version, again.events, again.extra) == (5, [], {"code": 0, "message": ""})


async def test_its_history_is_there_until_it_is_deleted(node: Node) -> None:
    await baked(node)
    events = (await node.ask("toy", "t-1", "history"))["events"]
    await node.done("toy", "t-1", "delete")

    assert [event["type"] for event in events] == [
        *("toy.started", "toy.baking_started", "toy.baking_completed", "toy.completed", "toy.committed")
    ]
    for question in ("history", "get", "status"):
        assert (await node.ask("toy", "t-1", question))["code"] == "not_found"
    assert (await node.ask("workflow_index", "r-1", "get"))["completed"] == []


async def test_it_expires_and_is_deleted_by_its_alarms(node: Node) -> None:
    await node.done("toy", "t-1", "init", registry_id="r-1", cake="plum")

    expired = await node.ring(NOON + timedelta(days=1))
    told = await node.ask("toy", "t-1", "status")
    deleted = await node.ring(NOON + timedelta(days=6))

    assert (expired, deleted) == (["toy.t-1 expire"], ["toy.t-1 delete"])
    assert (told["code"], told["message"]) == (104, "expired")
    assert (await node.ask("toy", "", "list"))["items"] == []
