"""Copies at peers: proposals by them, forks, and the catalogue of public resources."""

from __future__ import annotations

from typing import Any

import pytest

from messages.copies import copy_id
from tests.federation.stage import copied, dropped, executions, fresh, offer, planned, slots, workflow
from tests.federation.teams import drawn, given, shared
from tests.node.serving import document
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_peer_with_write_proposes_and_the_owner_applies(lab: Operator, centre: Operator) -> None:
    id, _ = await given(lab, centre, rules=[{"peer": "centre", "can": ["read", "write"]}])
    copy = copy_id("lab", "workflow", id)

    await centre.done("copy", copy, "propose", body={"name": id, "description": "by the centre"})

    await copied(centre, lab, "workflow", id, generation=2)
    assert (await lab.ask("workflow", "get", id))["description"] == "by the centre"
    (_, change) = [
        event
        for event in (await lab.ask("workflow", "history", id))["events"]
        if event["type"] == "workflow.saved"
    ]
    assert change["sender"] == "peer/centre"


async def test_a_proposal_on_an_old_version_is_a_conflict_with_the_current_one(
    lab: Operator, centre: Operator
) -> None:
    id, _ = await given(lab, centre, rules=[{"peer": "centre", "can": ["read", "write"]}])
    copy = copy_id("lab", "workflow", id)
    await lab.done("workflow", id, "save", name=id, description="meanwhile")
    await copied(centre, lab, "workflow", id, generation=2)

    await centre.done("copy", copy, "propose", body={"name": id, "description": "late"}, generation=1)

    told = await centre.event("copy.proposal_refused", copy)
    assert (told["code"], told["generation"], told["stored"]) == ("version_conflict", 1, 2)
    assert (await lab.ask("workflow", "get", id))["description"] == "meanwhile"


async def test_a_peer_that_may_only_read_does_not_write(lab: Operator, centre: Operator) -> None:
    id, _ = await given(lab, centre)

    refused = await centre.call("copy", copy_id("lab", "workflow", id), "propose", body={"name": "theirs"})

    assert refused["code"] == "not_granted"
    assert (await lab.ask("workflow", "get", id))["name"] == id


async def test_a_right_that_was_withdrawn_meanwhile_is_refused_by_the_owner(
    lab: Operator, centre: Operator
) -> None:
    id, team = await given(lab, centre, rules=[{"peer": "centre", "can": ["write"]}])
    copy = copy_id("lab", "workflow", id)
    await lab.done("peer", "centre", "pause")
    await centre.done("copy", copy, "propose", body={"name": "theirs"})

    fields = {"name": team, "peers": ["centre"], "workspaces": [f"{id}_ws"], "workflows": [id]}
    await lab.done("shared_workspace", team, "save", **fields)
    await lab.event("workflow.joined", id, shared_generation=2)
    await lab.done("peer", "centre", "resume")

    await lab.event("workflow.rejected", id, code="not_granted")
    await centre.event("copy.proposal_refused", copy, code="not_granted")
    assert (await lab.ask("workflow", "get", id))["name"] == id


async def test_what_a_peer_proposes_obeys_the_rules_of_the_owner(lab: Operator, centre: Operator) -> None:
    id, _ = await given(lab, centre, rules=[{"peer": "centre", "can": ["write"]}])
    taken, copy = await drawn(lab), copy_id("lab", "workflow", id)

    await centre.done("copy", copy, "propose", body={"name": taken})
    await centre.event("copy.proposal_refused", copy, code="already_exists")
    await centre.done("copy", copy, "propose", body={"nonsense": 1})

    await centre.event("copy.proposal_refused", copy, code="invalid_message")
    assert (await lab.ask("workflow", "get", id))["name"] == id


async def test_a_proposal_whose_expressions_cannot_be_read_is_refused(
    lab: Operator, centre: Operator
) -> None:
    id, _ = await given(lab, centre, rules=[{"peer": "centre", "can": ["write"]}])
    definition = document([{"one": {"set": {"a": "${ .x | }"}}}])

    body = {"name": id, "definition": definition}
    await centre.done("copy", copy_id("lab", "workflow", id), "propose", body=body)

    told = await lab.event("workflow.rejected", id, code="invalid_definition")
    assert [one["at"] for one in told["extra"]["faults"]] == ["/definition/do/0/one/set/a"]
    await centre.event("copy.proposal_refused", copy_id("lab", "workflow", id), code="invalid_definition")


async def test_a_copy_does_not_plan(lab: Operator, centre: Operator, observatory: Operator) -> None:
    near = await offer(centre, lab, observatory)
    id = await planned(lab, f"centre/{near}")

    await shared(lab, "observatory", workflow=id)

    await copied(observatory, lab, "workflow", id)
    assert await executions(observatory, id) == []
    assert {slot["node"] for slot in await slots(centre, near)} == {"lab"}


async def test_a_fork_of_a_copy_is_an_own_workflow_that_plans_when_it_is_told(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near = await offer(centre, lab, observatory, capacity=2)
    id, into = await planned(lab, f"centre/{near}"), fresh("fork")
    await shared(lab, "observatory", workflow=id)
    await copied(observatory, lab, "workflow", id)

    await observatory.done("copy", copy_id("lab", "workflow", id), "fork", into=into, name=into)
    await observatory.event("workflow.saved", into)
    own = await observatory.ask("workflow", "get", into)
    await observatory.done("workflow", into, "save", **workflow(into, f"centre/{near}"))

    assert (own["schedule_active"], own["shared"], own["plan"]) == (False, [], "none")
    await observatory.becomes(lambda: executions(observatory, into), lambda found: len(found) == 2)
    assert (await lab.ask("workflow", "get", into))["code"] == "not_found"


async def test_public_resources_of_peers_stand_in_the_catalogue_with_filters(
    lab: Operator, centre: Operator
) -> None:
    id, private = fresh("grib"), fresh("secret")
    fields = {"type": "data", "attributes": {"format": id}, "labels": {"team": id}}
    await centre.done("resource", private, "save", name=private, public=False, **fields)

    await centre.done("resource", id, "save", name=id, public=True, **fields)

    await copied(lab, centre, "resource", id)
    for asked in ({"type": "data", "name": id}, {"owner": "centre", "name": id}, {"labels": {"team": id}}):
        assert [item["id"] for item in await lab.items("resource", **asked)] == [f"centre/{id}"]


async def test_the_catalogue_is_filtered_by_attribute(lab: Operator, centre: Operator) -> None:
    id = fresh("grib")

    await centre.done("resource", id, "save", name=id, type="data", public=True, attributes={"format": id})

    await copied(lab, centre, "resource", id)
    assert [item["id"] for item in await lab.items("resource", attributes={"format": id})] == [f"centre/{id}"]


@pytest.mark.parametrize("how", ["private", "deleted"])
async def test_a_resource_leaves_the_catalogues_when_it_is(lab: Operator, centre: Operator, how: str) -> None:
    id = await offer(centre, lab)

    if how == "deleted":
        await centre.done("resource", id, "delete")
    else:
        await centre.done("resource", id, "save", name=id, type="compute", capacity=1)

    await dropped(lab, centre, "resource", id)
    assert (await lab.ask("resource", "get", f"centre/{id}"))["code"] == "not_found"


@pytest.mark.parametrize(
    "wrong", [{"attributes": {'a"b': 1}}, {"attributes": ["x"]}, {"public": None}, {"size": 2**70}]
)
async def test_a_filter_that_nothing_can_be_equal_to_is_refused(lab: Operator, wrong: dict[str, Any]) -> None:
    told = await lab.ask("resource", "list", **wrong)

    assert told["code"] == "invalid_message"
