"""What is booked follows its execution, its owner and its capacity, and can be asked for."""

from __future__ import annotations

import pytest

from tests.federation.stage import (
    at,
    booked,
    executions,
    fresh,
    gone,
    instant,
    nightly,
    offer,
    once,
    planned,
    settled,
    slots,
    workflow,
)
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_start_and_a_success_are_told_to_the_owner(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    (execution, _) = await executions(lab, await planned(lab, f"centre/{near}"))

    await lab.done("execution", execution["id"], "start")
    await booked(centre, near, "started", "scheduled")
    await lab.done("execution", execution["id"], "succeed")

    await booked(centre, near, "success", "scheduled")


async def test_a_failure_is_told_to_the_owner(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    (execution, _) = await executions(lab, await planned(lab, f"centre/{near}"))
    await lab.done("execution", execution["id"], "start")

    await lab.done("execution", execution["id"], "fail", reason="no disk")

    await booked(centre, near, "failure", "scheduled")


async def test_what_runs_keeps_its_slot_whatever_is_planned_anew(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}")
    (running, _) = await executions(lab, id)
    await lab.done("execution", running["id"], "start")
    await booked(centre, near, "started", "scheduled")

    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}", schedule=nightly(hour=5)))

    found = await booked(centre, near, "started", "scheduled", "scheduled")
    assert found[0]["execution"] == running["id"]
    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}", schedule_active=False))
    await booked(centre, near, "started")


async def test_a_cancelled_execution_frees_its_slot_for_another(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}", schedule=once())
    (execution,) = await executions(lab, id)

    await lab.done("execution", execution["id"], "cancel", reason="not needed")

    await gone(centre, near)
    await planned(lab, f"centre/{near}", schedule=once())


async def test_a_forgotten_execution_frees_its_slot(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)

    await planned(lab, f"centre/{near}", schedule=once(1.5, grace="PT0.1S"))

    await gone(centre, near)


@pytest.mark.parametrize(("policy", "state"), [("delay", "delayed"), ("fail", "failure")])
async def test_a_slot_that_its_owner_cancels_leaves_the_execution(
    lab: Operator, centre: Operator, policy: str, state: str
) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}", on_cancelled=policy)
    (slot, _) = await slots(centre, near)

    await centre.done("booking", near, "cancel", booking=slot["booking"], reason="maintenance")

    (lost, kept) = await lab.becomes(lambda: executions(lab, id), lambda found: found[0]["state"] == state)
    assert "maintenance" in lost["reason"]
    assert [one["state"] for one in lost["bookings"]] == ["cancelled"]
    assert (kept["state"], len(await slots(centre, near))) == ("scheduled", 1)


async def test_a_deleted_compute_cancels_the_slots_of_all(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}")

    await centre.done("resource", near, "delete")

    await lab.becomes(
        lambda: executions(lab, id), lambda found: {one["state"] for one in found} == {"delayed"}
    )


async def test_only_the_owner_cancels_a_slot_and_only_one_that_is_there(
    lab: Operator, centre: Operator
) -> None:
    near = await offer(centre, lab)
    await planned(lab, f"centre/{near}")

    refused = await centre.call("booking", near, "cancel", booking="nothing", reason="x")

    assert refused["code"] == "not_found"
    assert len(await slots(centre, near)) == 2


async def test_capacity_is_shared_and_never_exceeded(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near, late = await offer(centre, lab, observatory, capacity=2), fresh("wf")
    await planned(lab, f"centre/{near}")
    await planned(observatory, f"centre/{near}")

    await centre.done("workflow", late, "save", **workflow(late, near))

    await settled(centre, late, "refused")
    assert sorted(slot["node"] for slot in await slots(centre, near)) == [
        "lab",
        "lab",
        "observatory",
        "observatory",
    ]


async def test_outside_of_its_windows_a_compute_is_not_booked(lab: Operator, centre: Operator) -> None:
    open_ = {"start": at(1, hours=6).isoformat(), "end": at(1, hours=20).isoformat()}
    near, id = await offer(centre, lab, availability=[open_]), fresh("wf")

    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}"))

    refusal = (await settled(lab, id, "refused"))["refusals"][0]
    assert instant(refusal["nearest"][0]["start"]) == at(1, hours=6)


async def test_a_touching_slot_is_no_conflict(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    first = {"start": at(1).isoformat(), "duration": "PT1H"}
    second = {"start": at(1, hours=1).isoformat(), "duration": "PT1H"}

    await planned(lab, f"centre/{near}", schedule=first)
    await planned(lab, f"centre/{near}", schedule=second)

    assert len(await slots(centre, near)) == 2


async def test_freebusy_names_the_busy_and_the_free_intervals(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    await planned(lab, f"centre/{near}")
    day = {"from": at(1).isoformat(), "to": at(2).isoformat(), "units": 1}

    told = await centre.ask("booking", "freebusy", near, **day)

    assert [(instant(one["start"]), instant(one["end"])) for one in told["free"]] == [
        (at(1), at(1, hours=2.5)),
        (at(1, hours=3.25), at(2)),
    ]
    (busy,) = told["busy"]
    assert (instant(busy["start"]), instant(busy["end"])) == (at(1, hours=2.5), at(1, hours=3.25))


async def test_a_peer_asks_the_owner_for_its_free_times(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    await planned(lab, f"centre/{near}")
    day = {"from": at(1).isoformat(), "to": at(2).isoformat(), "units": 1}

    told = await lab.ask("booking", "freebusy", f"centre/{near}", **day)

    assert told == await centre.ask("booking", "freebusy", near, **day)


async def test_a_peer_that_is_asked_through_us_for_what_is_another_s_is_refused(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near = await offer(centre, lab, observatory)

    told = await lab.ask("booking", "freebusy", f"observatory/{near}", **{"from": at(1), "to": at(2)})

    assert told["code"] == "not_found"
