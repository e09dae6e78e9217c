"""An explanation asks the owners of compute, and knows what it asks for itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.federation.stage import at, fresh, nightly, offer, once, planned, settled, workflow
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def explained(node: Operator, *documents: dict[str, Any]) -> Any:
    """Return what saving these workflows would do."""
    told = await node.ask("node", "explain", documents=[{"kind": "workflow"} | one for one in documents])
    assert told["refusals"] == []
    return told


def document(*computes: str, **more: Any) -> dict[str, Any]:
    """Return a workflow with an id of its own."""
    id = fresh("wf")
    return {"id": id, **workflow(id, *computes, **more)}


def holds(told: Any) -> list[str]:
    """Return what became of the holds, in order."""
    return [one["status"] for one in told["messages"] if one["verb"] == "hold"]


async def test_it_asks_the_peer_and_changes_nothing(lab: Operator, centre: Operator) -> None:
    near, late = await offer(centre, lab), fresh("wf")
    await planned(lab, f"centre/{near}")

    told = await explained(lab, {"id": late, **workflow(late, f"centre/{near}")})

    assert [one["owner"] for one in told["conflicts"]] == ["centre", "centre"]
    assert {one["nearest"][0]["end"] for one in told["conflicts"]} == {
        one["start"] for one in told["conflicts"]
    }
    assert holds(told) == ["conflict"]
    assert (await lab.ask("workflow", "get", late))["code"] == "not_found"


async def test_what_a_workflow_has_already_is_no_conflict_with_its_change(
    lab: Operator, centre: Operator
) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}")

    told = await explained(lab, {"id": id, **workflow(id, f"centre/{near}", schedule=nightly(3))})

    assert (told["conflicts"], holds(told)) == ([], ["free"])


async def test_what_another_node_calls_by_the_same_name_is_a_conflict(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near = await offer(centre, lab, observatory)
    id = await planned(observatory, f"centre/{near}")

    told = await explained(lab, {"id": id, **workflow(id, f"centre/{near}")})

    assert (len(told["conflicts"]), holds(told)) == (2, ["conflict"])


async def test_documents_that_want_the_same_slot_are_in_each_others_way(
    lab: Operator, centre: Operator
) -> None:
    near = await offer(centre, lab)
    computes = f"centre/{near}"

    told = await explained(lab, document(computes), document(computes), document(computes, schedule=once(60)))

    assert holds(told) == ["free", "conflict", "free"]
    assert len(told["conflicts"]) == 2


async def test_a_document_that_moves_away_is_still_in_the_way_and_one_that_stays_only_once(
    lab: Operator, centre: Operator
) -> None:
    near = await offer(centre, lab, capacity=2)
    first, second = await planned(lab, f"centre/{near}"), await planned(lab, f"centre/{near}")
    both = [{"id": id, **workflow(id, f"centre/{near}", schedule=nightly(3))} for id in (first, second)]

    told = await explained(lab, *both)
    late = await explained(lab, {**both[0], "schedule": nightly(hour=9)}, document(f"centre/{near}"))

    assert (told["conflicts"], holds(told)) == ([], ["free", "free"])
    assert holds(late) == ["free", "conflict"]


async def test_each_slot_is_asked_for_with_its_own_units(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab, capacity=3)
    await planned(lab, f"centre/{near}", units=2)

    one = await explained(lab, document(f"centre/{near}", units=1))
    two = await explained(lab, document(f"centre/{near}", units=2))

    assert (holds(one), holds(two)) == (["free"], ["conflict"])


async def test_an_owner_that_does_not_answer_is_told(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    await centre.done("peer", "lab", "pause")

    told = await explained(lab, document(f"centre/{near}"), document(f"centre/{near}"))

    await centre.done("peer", "lab", "resume")
    assert holds(told) == ["no answer", "no answer"]
    assert {one["code"] for one in told["conflicts"]} == {"no_answer"}


async def test_an_owner_that_does_not_know_it_is_told(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}")
    await centre.done("resource", near, "delete")
    await settled(lab, id, "scheduled")

    told = await explained(lab, {"id": id, **workflow(id, f"centre/{near}", schedule=nightly(3))})

    assert [one["code"] for one in told["conflicts"]] == ["not_found"]
    assert holds(told) == ["refused"]


async def test_a_plan_of_several_years_is_asked_about_in_parts(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    yearly = {"start": at(1).isoformat(), "end": at(1500).isoformat(), "cron": "0 0 0 1 7 *"}

    told = await explained(lab, document(f"centre/{near}", schedule=yearly))

    assert len(told["executions"]) >= 4
    assert (told["conflicts"], holds(told)) == ([], ["free"])
