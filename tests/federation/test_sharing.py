"""Shared workspaces carry copies to peers, who may propose, fork, and never forward."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from messages.copies import copy_id
from tests.federation.stage import copied, dropped, fresh, offer
from tests.federation.teams import KINDS, drawn, given, shared
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_saving_a_shared_workspace_sets_and_clears_where_its_members_are(lab: Operator) -> None:
    id = await drawn(lab)

    team = await shared(lab, workflow=id)
    await lab.event("workspace.joined", f"{id}_ws")
    await lab.event("workflow.joined", id)
    inside = [
        (await lab.ask(kind, "get", one))["shared"]
        for kind, one in (("workspace", f"{id}_ws"), ("workflow", id))
    ]
    await lab.done("shared_workspace", team, "save", name=team)
    await lab.event("workspace.left", f"{id}_ws")
    await lab.event("workflow.left", id)

    assert inside == [team, [team]]
    assert not (await lab.ask("workspace", "get", f"{id}_ws"))["shared"]
    assert (await lab.ask("workflow", "get", id))["shared"] == []


async def test_deleting_a_shared_workspace_clears_where_its_members_are(lab: Operator) -> None:
    id = await drawn(lab)
    team = await shared(lab, workflow=id)
    await lab.event("workspace.joined", f"{id}_ws")

    await lab.done("shared_workspace", team, "delete")

    await lab.event("workspace.left", f"{id}_ws")
    await lab.event("workflow.left", id)
    assert not (await lab.ask("workspace", "get", f"{id}_ws"))["shared"]


async def test_a_workflow_is_in_many_shared_workspaces(lab: Operator) -> None:
    id = await drawn(lab)
    first, second = fresh("team"), fresh("team")

    for team in (first, second):
        await lab.done("shared_workspace", team, "save", name=team, workflows=[id])
        await lab.event("workflow.joined", id, shared_workspace=team)

    assert (await lab.ask("workflow", "get", id))["shared"] == sorted([first, second])


async def test_a_workspace_that_is_in_another_one_is_refused_and_nothing_changes(lab: Operator) -> None:
    id = await drawn(lab)
    first, second = await shared(lab, workflow=id), fresh("team")
    await lab.event("workspace.joined", f"{id}_ws")

    refused = await lab.call(
        "shared_workspace", second, "save", name=second, workspaces=[f"{id}_ws"], workflows=[id]
    )

    assert (refused["code"], refused["extra"]["shared"]) == ("workspace_shared_elsewhere", first)
    assert (await lab.ask("shared_workspace", "get", second))["code"] == "not_found"
    assert (await lab.ask("workspace", "get", f"{id}_ws"))["shared"] == first
    assert (await lab.ask("workflow", "get", id))["shared"] == [first]


async def test_two_that_want_one_workspace_at_the_same_time_get_it_once(lab: Operator) -> None:
    id, teams = await drawn(lab), [fresh("team"), fresh("team")]

    said = [lab.call("shared_workspace", team, "save", name=team, workspaces=[f"{id}_ws"]) for team in teams]
    outcomes = await asyncio.gather(*said)

    if {outcome["status"] for outcome in outcomes} == {"done"}:
        await lab.event("shared_workspace.refused", kind="workspace", code="workspace_shared_elsewhere")
    owners = [team for team in teams if await _members(lab, team) == [f"{id}_ws"]]
    assert owners == [(await lab.ask("workspace", "get", f"{id}_ws"))["shared"]]


async def _members(node: Operator, team: str) -> Any:
    return (await node.ask("shared_workspace", "get", team)).get("workspaces")


UNKNOWN: dict[str, tuple[dict[str, Any], str, str]] = {
    "a_peer_we_have_not_met": ({"peers": ["stranger"]}, "unknown_peer", "/peers/0"),
    "a_workspace_that_is_not_there": ({"workspaces": ["nowhere"]}, "not_found", "/workspaces/0"),
    "a_workflow_that_is_not_there": ({"workflows": ["nowhere"]}, "not_found", "/workflows/0"),
}


@pytest.mark.parametrize("what", UNKNOWN)
async def test_a_shared_workspace_is_refused_with(lab: Operator, what: str) -> None:
    fields, code, place = UNKNOWN[what]
    id = fresh("team")

    refused = await lab.call("shared_workspace", id, "save", name=id, **fields)

    assert (refused["code"], refused["at"]) == (code, place)
    assert (await lab.ask("shared_workspace", "get", id))["code"] == "not_found"


async def test_each_peer_gets_all_of_it_as_copies_with_owner_and_generation(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    id = await drawn(lab, description="storms")

    team = await shared(lab, "lab", "centre", "observatory", workflow=id)

    for reader in (centre, observatory):
        for kind, one in zip(KINDS, (team, f"{id}_ws", id), strict=True):
            stored = await copied(reader, lab, kind, one)
            assert (stored["owner"], stored["generation"], stored["can"]) == ("lab", 1, ["read"])
            assert [item["id"] for item in await reader.items(kind, name=stored["name"])] == [f"lab/{one}"]
        assert (await reader.ask("workflow", "get", f"lab/{id}"))["description"] == "storms"
    assert await lab.items("copy") == []


async def test_ourselves_in_the_list_of_peers_are_left_out(lab: Operator) -> None:
    id = await drawn(lab)

    team = await shared(lab, "lab", workflow=id)

    assert (await lab.ask("shared_workspace", "get", team))["peers"] == []


async def test_a_peer_that_is_removed_from_the_list_loses_its_copies(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    id, team = await given(lab, centre)
    fields = {"name": team, "workspaces": [f"{id}_ws"], "workflows": [id]}

    await lab.done("shared_workspace", team, "save", peers=["observatory"], **fields)

    for kind, one in zip(KINDS, (team, f"{id}_ws", id), strict=True):
        await dropped(centre, lab, kind, one)
        await copied(observatory, lab, kind, one)
        assert (await centre.ask(kind, "get", f"lab/{one}"))["code"] == "not_found"


async def test_a_member_that_is_taken_out_loses_its_copies_alone(lab: Operator, centre: Operator) -> None:
    id, team = await given(lab, centre)

    await lab.done("shared_workspace", team, "save", name=team, peers=["centre"], workspaces=[f"{id}_ws"])

    await dropped(centre, lab, "workflow", id)
    assert (await centre.ask("workspace", "get", f"lab/{id}_ws"))["owner"] == "lab"


async def test_deleting_it_removes_every_copy(lab: Operator, centre: Operator) -> None:
    id, team = await given(lab, centre)

    await lab.done("shared_workspace", team, "delete")

    for kind, one in zip(KINDS, (team, f"{id}_ws", id), strict=True):
        await dropped(centre, lab, kind, one)
        assert one not in str(await centre.items(kind, owner="lab"))


async def test_a_copy_that_is_shared_by_two_teams_stays_until_the_last_ends(
    lab: Operator, centre: Operator
) -> None:
    id, team = await given(lab, centre)
    second = fresh("team")
    await lab.done("shared_workspace", second, "save", name=second, peers=["centre"], workflows=[id])
    await lab.event("workflow.joined", id, shared_workspace=second)

    await lab.done("shared_workspace", team, "delete")
    await dropped(centre, lab, "workspace", f"{id}_ws")
    await lab.event("workflow.left", id, shared_workspace=team)
    held = await centre.ask("workflow", "get", f"lab/{id}")
    await lab.done("shared_workspace", second, "delete")

    assert held["owner"] == "lab"
    await dropped(centre, lab, "workflow", id)


async def test_a_save_goes_to_every_peer_of_every_team(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    id, _ = await given(lab, centre)
    second = fresh("team")
    await lab.done("shared_workspace", second, "save", name=second, peers=["observatory"], workflows=[id])

    await lab.done("workflow", id, "save", name=f"{id} new", description="second")

    for reader in (centre, observatory):
        stored = await copied(reader, lab, "workflow", id, generation=2)
        assert stored["body"]["description"] == "second"
    renamed = await copied(centre, lab, "workspace", f"{id}_ws", generation=2)
    assert renamed["name"] == f"{id} new_workspace"


async def test_a_change_is_one_event_at_the_receiver(lab: Operator, centre: Operator) -> None:
    id, _ = await given(lab, centre)

    await lab.done("workflow", id, "save", name=id, description="second")

    await copied(centre, lab, "workflow", id, generation=2)
    history = (await centre.ask("copy", "history", copy_id("lab", "workflow", id)))["events"]
    assert {event["type"] for event in history} == {"copy.stored"}


async def test_a_delete_goes_to_every_peer_and_out_of_every_team(lab: Operator, centre: Operator) -> None:
    id, team = await given(lab, centre)

    await lab.done("workflow", id, "delete")

    await dropped(centre, lab, "workflow", id)
    await dropped(centre, lab, "workspace", f"{id}_ws")
    await lab.event("shared_workspace.forgotten", team, kind="workspace")
    await copied(centre, lab, "shared_workspace", team, generation=3)
    left = await lab.ask("shared_workspace", "get", team)
    assert (left["workflows"], left["workspaces"]) == ([], [])


async def test_a_workspace_by_hand_is_shared_likewise(lab: Operator, centre: Operator) -> None:
    id, team = fresh("ws"), fresh("team")
    await lab.done("workspace", id, "save", name=id)
    await lab.done("shared_workspace", team, "save", name=team, peers=["centre"], workspaces=[id])
    await copied(centre, lab, "workspace", id, generation=1)

    await lab.done("workspace", id, "save", name=id, resources={"data": ["grib"]})
    changed = await copied(centre, lab, "workspace", id, generation=2)
    await lab.done("workspace", id, "delete")

    assert changed["body"]["resources"] == {"data": ["grib"]}
    await dropped(centre, lab, "workspace", id)


async def test_a_receiver_never_forwards_what_it_received(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    id, _ = await given(lab, centre)
    team = fresh("team")

    refused = await centre.call(
        "shared_workspace", team, "save", name=team, peers=["observatory"], workflows=[f"lab/{id}"]
    )
    copy = copy_id("lab", "workflow", id)
    as_copy = await centre.call(
        "shared_workspace", team, "save", name=team, peers=["observatory"], workflows=[copy]
    )
    await offer(centre, observatory)  # what the centre would have forwarded is there before this

    assert (refused["code"], as_copy["code"]) == ("invalid_message", "not_found")
    assert (await observatory.ask("workflow", "get", f"lab/{id}"))["code"] == "not_found"
