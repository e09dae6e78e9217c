"""A run books time on a compute of a partner: booked, refused with alternatives, given up, gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fault.process import node_process
from tests.federation.stage import at, booked, fresh, gone, instant, offer, places, slots
from tests.nodes import Operator, meet, operating

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = at(1, hours=2)


def call(resource: str, **more: Any) -> dict[str, Any]:
    """Return a task that books an hour of tomorrow's night."""
    given = {"resource": resource, "start": START.isoformat(), "duration": "PT1H", **more}
    return {"call": "book", "with": given}


async def launched(node: Operator, *tasks: dict[str, Any]) -> str:
    """Save a workflow of these tasks, begin a run of it, and return its id."""
    name = fresh("wf")
    stands = {"dsl": "1.0.3", "namespace": "lab", "name": "reserve", "version": "1.0.0"}
    await node.done("workflow", name, "save", name=name, definition={"document": stands, "do": list(tasks)})
    run: str = (await node.done("workflow", name, "launch"))["extra"]["run"]
    return run


async def ended(node: Operator, run: str) -> Any:
    await node.until(
        lambda one: (
            one.subject.split(".")[-2:] in [[run, end] for end in ("succeeded", "failed", "cancelled")]
        )
    )
    return await node.ask("run", "get", run)


async def test_it_has_the_slot_and_goes_on_with_it(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)

    told = await ended(lab, await launched(lab, {"slot": call(f"centre/{near}")}))

    assert told["status"] == "success", told
    output = told["output"]
    assert (output["resource"], output["owner"], output["units"]) == (f"centre/{near}", "centre", 1)
    (slot,) = await slots(centre, near)
    assert (slot["booking"], slot["state"], slot["node"]) == (output["booking"], "scheduled", "lab")
    assert instant(slot["start"]) == instant(output["start"]) == START
    assert slot["execution"] == slot["workflow"] == output["reservation"]


async def test_what_is_taken_is_caught_with_when_it_is_free(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    await ended(lab, await launched(lab, {"slot": call(f"centre/{near}")}))
    tried = {
        "try": [{"slot": call(f"centre/{near}")}],
        "catch": {
            "errors": {"with": {"type": "booking_refused", "status": 409}},
            "as": "no",
            "do": [{"tell": {"set": {"why": "${ $no.detail }", "where": "${ $no.instance }"}}}],
        },
    }

    told = await ended(lab, await launched(lab, {"both": tried}))

    assert told["status"] == "success", told
    taken, _, free = told["output"]["why"].partition("; free ")
    assert f"taken from {START:%Y-%m-%dT%H:%M:%S}" in taken
    assert f"from {START.replace(hour=1):%Y-%m-%dT%H}" in free
    assert f"from {START.replace(hour=3):%Y-%m-%dT%H}" in free
    assert told["output"]["where"] == "/do/0/both/try/0/slot"
    await booked(centre, near, "scheduled")


async def test_it_may_be_of_our_own_and_is_free_again_when_it_is_cancelled(centre: Operator) -> None:
    own = await offer(centre)
    output = (await ended(centre, await launched(centre, {"slot": call(own)})))["output"]
    assert output["resource"] == f"centre/{own}"

    await centre.done("reservation", output["reservation"], "cancel", reason="not needed")

    await gone(centre, own)
    found = await centre.ask("reservation", "get", output["reservation"])
    assert (found["status"], found["reason"]) == ("cancelled", "not needed")


async def test_what_there_is_not_is_a_refusal(lab: Operator) -> None:
    nowhere = await ended(lab, await launched(lab, {"slot": call("centre/none")}))
    nobody = await ended(lab, await launched(lab, {"slot": call("nobody/hpc")}))

    assert nowhere["error"]["type"] == nobody["error"]["type"] == "booking_refused"
    assert "not_found" in nowhere["error"]["detail"]
    assert "unknown_peer" in nobody["error"]["detail"]


async def test_the_owner_takes_it_back_and_it_is_known(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    output = (await ended(lab, await launched(lab, {"slot": call(f"centre/{near}")})))["output"]

    await centre.done("booking", near, "cancel", booking=output["booking"], reason="repairs")

    await lab.event("reservation.lost", output["reservation"])
    found = await lab.ask("reservation", "get", output["reservation"])
    assert (found["status"], found["reason"]) == ("lost", "repairs")


async def test_a_run_goes_on_whose_node_was_killed_while_the_owner_was_away(tmp_path: Path) -> None:
    async with node_process(tmp_path) as process, places(tmp_path, "centre") as (centre,):
        await process.start()
        async with operating(process.data) as lab:
            await meet(centre.node, lab)
            near = await offer(centre.node, lab)
            await centre.stop()
            waits = await launched(lab, {"slot": call(f"centre/{near}")})
            late = {**call(f"centre/{near}"), "timeout": {"after": "PT1S"}}
            told = await ended(lab, await launched(lab, {"slot": late}))
            assert told["error"]["type"].endswith("/timeout")
            await process.end()

        await process.start()
        await centre.start()

        async with operating(process.data) as lab:
            told = await lab.becomes(lambda: lab.ask("run", "get", waits), lambda one: one["ended_at"])
        assert told["status"] == "success", told
        (slot,) = await booked(centre.node, near, "scheduled")
        assert slot["booking"] == told["output"]["booking"]
