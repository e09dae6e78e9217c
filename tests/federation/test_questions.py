"""What any client may ask: states, histories, listings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors import ACTORS
from tests.federation.stage import at, executions, fresh, instant, nightly, planned, workflow
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


DATA: dict[str, Any] = {"type": "data"}


async def test_a_history_has_every_change_of_a_deleted_entity_too(acme: Operator) -> None:
    id = fresh("wf")
    first = await acme.done("workflow", id, "save", name=id)
    await acme.done("workflow", id, "save", name=id, description="second")
    await acme.done("workflow", id, "delete")

    events = (await acme.ask("workflow", "history", id))["events"]

    assert [(event["version"], event["type"]) for event in events] == [
        (1, "workflow.saved"),
        (2, "workflow.saved"),
        (3, "workflow.deleted"),
    ]
    assert (events[0]["message"], events[0]["sender"]) == (first["message"], "operator")
    assert [one["version"] for one in (await acme.ask("workflow", "history", id, after=2))["events"]] == [3]
    assert len((await acme.ask("workflow", "history", id, limit=1))["events"]) == 1


@pytest.mark.parametrize("kind", ["resource", "workflow", "workspace", "shared_workspace"])
async def test_a_deleted_id_is_a_tombstone(acme: Operator, kind: str) -> None:
    id = fresh("gone")
    fields: dict[str, Any] = DATA if kind == "resource" else {}
    await acme.done(kind, id, "save", name=id, **fields)
    await acme.done(kind, id, "delete")

    again = await acme.call(kind, id, "save", name=id, **fields)
    twice = await acme.done(kind, id, "delete")

    assert (again["code"], twice["events"], twice["version"]) == ("deleted", [], 2)
    assert (await acme.ask(kind, "get", id))["code"] == "not_found"
    assert id not in str(await acme.items(kind, name=id))


async def test_what_never_was_is_not_found(acme: Operator) -> None:
    for kind in (
        "resource",
        "workflow",
        "workspace",
        "execution",
        "shared_workspace",
        "booking",
        "peer",
        "copy",
    ):
        assert (await acme.ask(kind, "get", "never"))["code"] == "not_found"
        assert (await acme.ask(kind, "history", "never"))["code"] == "not_found"


async def test_a_listing_is_filtered_by_labels_and_fields(acme: Operator) -> None:
    team, ids = fresh("team"), sorted([fresh("data"), fresh("data"), fresh("data")])
    for id, type_ in zip(ids, ("data", "storage", "data"), strict=True):
        labels = {"team": team, "of": id}
        await acme.done("resource", id, "save", name=id, type=type_, labels=labels)

    async def ids_of(**asked: Any) -> list[str]:
        return [one["id"] for one in await acme.items("resource", **asked)]

    assert await ids_of(labels={"team": team}) == ids
    assert await ids_of(labels={"team": team}, type="data") == [ids[0], ids[2]]
    assert await ids_of(labels={"team": team, "of": ids[1]}) == [ids[1]]
    assert await ids_of(labels={"team": team}, public=True) == []


async def test_a_listing_is_ordered_both_ways(acme: Operator) -> None:
    team = fresh("team")
    for id, name in ((fresh("data"), f"{team} b"), (fresh("data"), f"{team} a")):
        await acme.done("resource", id, "save", name=name, labels={"team": team}, **DATA)

    up = await acme.items("resource", labels={"team": team}, order="name")
    down = await acme.items("resource", labels={"team": team}, order="-name")

    assert [one["name"] for one in up] == [f"{team} a", f"{team} b"]
    assert up == down[::-1]


@pytest.mark.parametrize("order", ["id", "-id", "at", "-at", "name", "-version"])
async def test_a_listing_is_paged_without_a_gap_or_a_repeat(acme: Operator, order: str) -> None:
    id = await planned(acme, schedule=nightly(7))
    found: list[str] = []
    asked: dict[str, Any] = {"workflow": id, "order": order, "limit": 3}
    page = await acme.ask("execution", "list", **asked)
    while page["items"]:
        found += [one["id"] for one in page["items"]]
        page = (
            await acme.ask("execution", "list", **asked, cursor=page["cursor"])
            if page["cursor"]
            else {"items": []}
        )

    assert len(found) == 7
    assert found == [one["id"] for one in await acme.items("execution", workflow=id, order=order)]


async def test_executions_are_listed_by_workflow_state_and_time(acme: Operator) -> None:
    id = await planned(acme, schedule=nightly(4))
    (first, *_) = await executions(acme, id)
    await acme.done("execution", first["id"], "start")

    window = {"from": at(2).isoformat(), "to": at(4).isoformat()}
    inside = await acme.items("execution", workflow=id, order="at", **window)
    running = await acme.items("execution", workflow=id, state="started")

    assert [instant(one["start"]) for one in inside] == [at(2, hours=2.5), at(3, hours=2.5)]
    assert [one["id"] for one in running] == [first["id"]]
    assert all(one["start"].endswith("Z") for one in inside)


@pytest.mark.parametrize("kind", [actor.kind for actor in ACTORS if actor.kind != "copy"])
async def test_a_listing_by_a_field_that_is_not_there_is_refused_with_those_that_are(
    acme: Operator, kind: str
) -> None:
    told = await acme.ask(kind, "list", bogus="x")

    assert (told["status"], told["code"], told["at"]) == ("rejected", "invalid_message", "/bogus")
    assert "status" in told["detail"]


async def test_the_fields_of_copies_can_be_asked_for_too(acme: Operator) -> None:
    assert await acme.items("workflow", can="read", generation=1, active=True) == []
    assert "workflow" in (await acme.ask("execution", "list", bogus="x"))["detail"]


WRONG_QUESTIONS: dict[str, dict[str, Any]] = {
    "order": {"order": "colour"},
    "limit": {"limit": 0},
    "cursor": {"cursor": "zz"},
    "from": {"from": "yesterday"},
}


@pytest.mark.parametrize("field", WRONG_QUESTIONS)
async def test_a_listing_with_a_wrong_field_is_refused(acme: Operator, field: str) -> None:
    told = await acme.ask("execution", "list", **WRONG_QUESTIONS[field])

    assert (told["status"], told["code"]) == ("rejected", "invalid_message")


@pytest.mark.parametrize("kind", ["resource", "node"])
async def test_a_question_that_is_nested_too_deeply_is_refused(acme: Operator, kind: str) -> None:
    subject = f"covey.acme.ask.{kind}.{'list' if kind == 'resource' else 'health'}"

    reply = await acme.bus.request(subject, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, {}, 5)

    assert json.loads(reply)["code"] == "invalid_message"


async def test_an_unknown_question_or_kind_is_refused_with_what_there_is(acme: Operator) -> None:
    query = await acme.ask("booking", "colour", "hpc")
    kind = await acme.ask("unicorn", "list")

    assert (query["code"], "freebusy" in query["detail"]) == ("unknown_query", True)
    assert (kind["code"], "workflow" in kind["detail"]) == ("unknown_kind", True)


async def test_a_saved_workflow_is_answered_with_all_its_fields(acme: Operator) -> None:
    id = await planned(acme, metadata={"a": [1]}, environment="main", perimeters=["p"], labels={"x": "y"})

    found = await acme.ask("workflow", "get", id)

    saved = workflow(id, metadata={"a": [1]}, environment="main", perimeters=["p"], labels={"x": "y"})
    for field in ("name", "metadata", "environment", "perimeters", "labels", "schedule_active", "resources"):
        assert found[field] == saved[field]
    assert (found["generation"], found["workspace"], found["plan"]) == (1, f"{id}_ws", "scheduled")
    assert (found["waiting"], found["refusals"], found["active"]) == ([], [], True)
