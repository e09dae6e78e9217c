"""A workflow is its own workspace."""

from __future__ import annotations

import pytest

from tests.federation.stage import fresh
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_save_makes_an_active_contextual_workspace_with_its_resources(acme: Operator) -> None:
    id = fresh("wf")

    await acme.done("workflow", id, "save", name=id, resources={"data": ["grib"]})

    await acme.event("workspace.followed", f"{id}_ws")
    saved, made = await acme.ask("workflow", "get", id), await acme.ask("workspace", "get", f"{id}_ws")
    assert saved["workspace"] == f"{id}_ws"
    assert (made["name"], made["resources"]) == (f"{id}_workspace", {"data": ["grib"]})
    assert (made["active"], made["contextual"], made["workflow"]) == (True, True, id)


async def test_an_update_of_the_resources_updates_the_workspace(acme: Operator) -> None:
    id = fresh("wf")
    await acme.done("workflow", id, "save", name=id, resources={"data": ["grib"]})

    await acme.done("workflow", id, "save", name=id, resources={"data": ["radar"], "storage": ["disk"]})

    await acme.event("workspace.followed", f"{id}_ws", after=1)
    made = await acme.ask("workspace", "get", f"{id}_ws")
    assert made["resources"] == {"data": ["radar"], "storage": ["disk"]}


async def test_a_renamed_workflow_renames_its_workspace_which_keeps_its_id(acme: Operator) -> None:
    id, name = fresh("wf"), fresh("Renamed")
    await acme.done("workflow", id, "save", name=id)

    await acme.done("workflow", id, "save", name=name)

    await acme.event("workspace.followed", f"{id}_ws", name=f"{name}_workspace")
    assert (await acme.ask("workflow", "get", id))["workspace"] == f"{id}_ws"
    assert len(await acme.items("workspace", parent=id)) == 1


@pytest.mark.parametrize("ending", ["worspace", "workspace"])
async def test_an_old_workspace_of_its_name_is_reused_and_renamed(acme: Operator, ending: str) -> None:
    id, old = fresh("wf"), fresh("old")
    await acme.done("workspace", old, "save", name=f"{id}_{ending}", resources={"data": ["stale"]})

    await acme.done("workflow", id, "save", name=id, resources={"data": ["grib"]})

    await acme.event("workspace.followed", old, name=f"{id}_workspace")
    reused = await acme.ask("workspace", "get", old)
    assert (reused["contextual"], reused["resources"]) == (True, {"data": ["grib"]})
    assert (await acme.ask("workflow", "get", id))["workspace"] == old


async def test_a_workspace_of_a_person_is_left_alone(acme: Operator) -> None:
    id = fresh("wf")
    await acme.done("workspace", f"{id}_ws", "save", name=f"{id} by hand")

    await acme.done("workflow", id, "save", name=id)

    await acme.event("workspace.followed", name=f"{id}_workspace")
    assert (await acme.ask("workspace", "get", f"{id}_ws"))["name"] == f"{id} by hand"
    own = (await acme.ask("workflow", "get", id))["workspace"]
    assert (await acme.ask("workspace", "get", own))["contextual"]


async def test_a_deleted_workflow_deletes_its_workspace(acme: Operator) -> None:
    id = fresh("wf")
    await acme.done("workflow", id, "save", name=id)

    await acme.done("workflow", id, "delete")

    await acme.event("workspace.deleted", f"{id}_ws")
    assert (await acme.ask("workspace", "get", f"{id}_ws"))["code"] == "not_found"
    assert (await acme.ask("workflow", "get", id))["code"] == "not_found"


async def test_a_name_is_unique_in_the_node_and_free_again_after_a_delete(acme: Operator) -> None:
    name, first, second = fresh("Name"), fresh("wf"), fresh("wf")
    await acme.done("workflow", first, "save", name=name)

    refused = await acme.call("workflow", second, "save", name=name)
    await acme.done("workflow", first, "delete")

    assert (refused["status"], refused["code"], refused["at"]) == ("rejected", "already_exists", "/name")
    assert first in refused["detail"]
    await acme.done("workflow", second, "save", name=name)


async def test_names_that_are_swapped_never_break_the_link(acme: Operator) -> None:
    first, second, a, b = fresh("wf"), fresh("wf"), fresh("A"), fresh("B")
    await acme.done("workflow", first, "save", name=a)
    await acme.done("workflow", second, "save", name=b)

    for id, name in ((first, f"{a}-away"), (second, a), (first, b)):
        await acme.done("workflow", id, "save", name=name)

    await acme.event("workspace.followed", f"{first}_ws", name=f"{b}_workspace")
    await acme.event("workspace.followed", f"{second}_ws", name=f"{a}_workspace")


async def test_a_workspace_that_follows_is_not_written_by_hand(acme: Operator) -> None:
    id = fresh("wf")
    await acme.done("workflow", id, "save", name=id)
    await acme.event("workspace.followed", f"{id}_ws")

    saved = await acme.call("workspace", f"{id}_ws", "save", name="Mine")
    deleted = await acme.call("workspace", f"{id}_ws", "delete")

    assert (saved["code"], deleted["code"]) == ("not_owner", "not_owner")
    assert (await acme.ask("workspace", "get", f"{id}_ws"))["name"] == f"{id}_workspace"


async def test_a_workspace_by_hand_holds_resources_and_is_deleted(acme: Operator) -> None:
    id = fresh("ws")

    await acme.done("workspace", id, "save", name=id, resources={"compute": ["centre/hpc"]}, active=False)

    made = await acme.ask("workspace", "get", id)
    assert (made["resources"], made["active"], made["contextual"]) == (
        {"compute": ["centre/hpc"]},
        False,
        False,
    )
    await acme.done("workspace", id, "delete")
    assert (await acme.ask("workspace", "get", id))["code"] == "not_found"


async def test_a_workflow_may_have_actions_only_or_no_graph_at_all(acme: Operator) -> None:
    id = fresh("wf")

    await acme.done("workflow", id, "save", name=id)
    await acme.done("workflow", id, "save", name=id, graph={"items": {"fetch": {"action": "http"}}})

    assert (await acme.ask("workflow", "get", id))["graph"]["items"]["fetch"]["action"] == "http"


GRAPHS = {
    "a_link_names_what_is_no_item": ({"a": {"action": "x"}}, [("a", "ghost")], "ghost"),
    "a_resource_is_not_in_the_catalogue": ({"a": {"resource": "nowhere/hpc"}}, [], "a"),
    "a_processing_has_no_compute": ({"p": {"resource": "P"}}, [], "p"),
    "processings_form_a_cycle": (
        {"p": {"resource": "P"}, "q": {"resource": "P"}, "c": {"resource": "C"}, "s": {"resource": "S"}},
        [("p", "q"), ("q", "p"), ("p", "c"), ("q", "c"), ("p", "s"), ("q", "s")],
        "p",
    ),
    "a_file_passes_without_a_common_storage": (
        {"p": {"resource": "P"}, "q": {"resource": "P"}, "c": {"resource": "C"}},
        [("p", "q"), ("p", "c"), ("q", "c")],
        "q",
    ),
}


@pytest.mark.parametrize("rule", GRAPHS)
async def test_a_graph_is_refused_with_the_item_when(acme: Operator, rule: str) -> None:
    items, links, item = GRAPHS[rule]
    for type_, id in (("processing", "P"), ("storage", "S"), ("compute", "C")):
        more = {"capacity": 1} if type_ == "compute" else {}
        await acme.done("resource", id, "save", name=id, type=type_, **more)
    drawn = {"items": items, "links": [{"source": one, "destination": other} for one, other in links]}
    id = fresh("wf")

    refused = await acme.call("workflow", id, "save", name=id, graph=drawn)

    assert (refused["code"], refused["extra"]["item"]) == ("invalid_graph", item)
    assert (await acme.ask("workflow", "get", id))["code"] == "not_found"
