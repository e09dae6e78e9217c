"""A workflow books its compute at the nodes that own it: all of it, or nothing."""

from __future__ import annotations

from typing import Any

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
    places,
    planned,
    settled,
    slots,
    workflow,
)
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_all_owners_ourselves_included_book_a_slot_an_execution(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    own, near, far = await offer(lab), await offer(centre, lab), await offer(observatory, lab)

    id = await planned(lab, own, f"centre/{near}", f"observatory/{far}")

    times = [at(1, hours=2.5), at(2, hours=2.5)]
    for owner, resource in ((lab, own), (centre, near), (observatory, far)):
        found = await booked(owner, resource, "scheduled", "scheduled")
        assert [(slot["node"], slot["workflow"]) for slot in found] == [("lab", id)] * 2
        assert [instant(slot["start"]) for slot in found] == times


async def test_an_execution_shows_its_bookings_with_owner_and_state(lab: Operator, centre: Operator) -> None:
    own, near = await offer(lab), await offer(centre, lab)

    id = await planned(lab, own, f"centre/{near}")

    (first, _) = await executions(lab, id)
    assert first["bookings"] == [
        {"resource": f"centre/{near}", "owner": "centre", "state": "scheduled"},
        {"resource": own, "owner": "lab", "state": "scheduled"},
    ]


async def test_one_request_carries_all_slots_of_a_resource(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)

    await planned(lab, f"centre/{near}", schedule=nightly(5))

    held = await centre.event("booking.held", near)
    assert len(held["slots"]) == 5
    assert [event["type"] for event in (await centre.ask("booking", "history", near))["events"]] == [
        "booking.opened",
        "booking.held",
        "booking.confirmed",
    ]


async def test_a_compute_that_is_drawn_twice_is_booked_once_with_both_units(
    lab: Operator, centre: Operator
) -> None:
    near = await offer(centre, lab, capacity=3)

    await planned(lab, f"centre/{near}", f"centre/{near}", schedule=once())

    (slot,) = await slots(centre, near)
    assert slot["units"] == 2


async def test_while_holds_are_out_executions_are_drafts(lab: Operator, centre: Operator) -> None:
    near, id = await offer(centre, lab), fresh("wf")
    await centre.done("peer", "lab", "pause")

    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}"))

    found = await lab.becomes(lambda: executions(lab, id), lambda found: len(found) == 2)
    assert [one["state"] for one in found] == ["draft", "draft"]
    assert (await lab.call("execution", found[0]["id"], "start"))["code"] == "not_scheduled"
    await centre.done("peer", "lab", "resume")
    await settled(lab, id, "scheduled")


async def test_a_conflict_refuses_the_plan_and_says_where_when_and_what_is_free(
    lab: Operator, centre: Operator
) -> None:
    near, id = await offer(centre, lab), fresh("wf")
    await planned(lab, f"centre/{near}")

    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}"))

    told = await lab.event("workflow.refused", id)
    (refusal,) = told["refusals"]
    assert (told["code"], refusal["owner"], refusal["resource"]) == (
        "booking_refused",
        "centre",
        f"centre/{near}",
    )
    first = refusal["conflicts"][0]
    assert (instant(first["start"]), first["execution"]) == (at(1, hours=2.5), f"{id}-{at(1):%Y%m%d}T023000Z")
    assert (instant(first["busy_start"]), instant(first["busy_end"])) == (at(1, hours=2.5), at(1, hours=3.25))
    assert instant(refusal["nearest"][0]["end"]) == at(1, hours=2.5)
    assert instant(refusal["nearest"][1]["start"]) == at(1, hours=3.25)
    assert (await lab.ask("workflow", "get", id))["plan"] == "refused"


async def test_on_refusal_by_one_owner_nothing_remains_at_any(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    full, own, far, id = (
        await offer(centre, lab),
        await offer(lab),
        await offer(observatory, lab),
        fresh("wf"),
    )
    await planned(lab, f"centre/{full}")

    computes = own, f"observatory/{far}", f"centre/{full}"
    await lab.done("workflow", id, "save", **workflow(id, *computes))

    await settled(lab, id, "refused")
    await observatory.event("booking.aborted", far, workflow=id)
    await gone(observatory, far)
    await gone(lab, own)
    await lab.becomes(lambda: executions(lab, id), lambda found: found == [])


async def test_what_stood_before_a_refused_change_stays(lab: Operator, centre: Operator) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}")
    await planned(lab, f"centre/{near}", schedule=nightly(hour=5))
    before = await executions(lab, id), await slots(centre, near)

    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}", schedule=nightly(hour=5)))

    await settled(lab, id, "refused")
    await centre.event("booking.rejected", near, code="booking_refused")
    await lab.becomes(lambda: executions(lab, id), lambda found: found == before[0])
    assert await slots(centre, near) == before[1]


async def test_skip_drops_only_the_executions_that_conflict(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near, far, id = await offer(centre, lab), await offer(observatory, lab), fresh("wf")
    await planned(lab, f"centre/{near}", schedule={"start": at(2, hours=2.5).isoformat()})
    computes = f"centre/{near}", f"observatory/{far}"

    await lab.done("workflow", id, "save", **workflow(id, *computes, schedule=nightly(3), on_conflict="skip"))

    await settled(lab, id, "scheduled")
    found = await lab.becomes(lambda: executions(lab, id), lambda found: len(found) == 2)
    days = [at(1, hours=2.5), at(3, hours=2.5)]
    assert [instant(one["start"]) for one in found] == days
    kept = await booked(observatory, far, "scheduled", "scheduled")
    assert [instant(slot["start"]) for slot in kept] == days


async def test_a_plan_that_would_skip_everything_is_refused(lab: Operator, centre: Operator) -> None:
    near, id = await offer(centre, lab), fresh("wf")
    await planned(lab, f"centre/{near}")

    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}", on_conflict="skip"))

    await settled(lab, id, "refused")
    await lab.becomes(lambda: executions(lab, id), lambda found: found == [])
    assert {slot["workflow"] for slot in await slots(centre, near)} != {id}


async def test_a_refused_plan_is_asked_for_again_when_there_is_room(lab: Operator, centre: Operator) -> None:
    near, id = await offer(centre, lab), fresh("wf")
    first = await planned(lab, f"centre/{near}")
    await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}"))
    await settled(lab, id, "refused")
    await lab.done("workflow", first, "delete")
    await gone(centre, near)

    await lab.done("workflow", id, "replan")

    await settled(lab, id, "scheduled")
    assert {slot["workflow"] for slot in await slots(centre, near)} == {id}


async def test_a_change_is_held_beside_what_stands_and_replaces_it_at_once(
    lab: Operator, centre: Operator
) -> None:
    near = await offer(centre, lab)
    id = await planned(lab, f"centre/{near}")

    longer = workflow(id, f"centre/{near}", schedule=nightly(duration="PT2H"))
    await lab.done("workflow", id, "save", **longer)

    await centre.event("booking.confirmed", near, generation=2)
    history = [event["type"] for event in (await centre.ask("booking", "history", near))["events"]]
    assert history == ["booking.opened", *["booking.held", "booking.confirmed"] * 2]
    found = await booked(centre, near, "scheduled", "scheduled")
    assert {instant(slot["end"]) for slot in found} == {at(1, hours=4.5), at(2, hours=4.5)}


async def test_a_resource_that_is_no_longer_used_is_released(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near, far = await offer(centre, lab), await offer(observatory, lab)
    id = await planned(lab, f"centre/{near}")

    await lab.done("workflow", id, "save", **workflow(id, f"observatory/{far}"))

    await booked(observatory, far, "scheduled", "scheduled")
    await gone(centre, near)


@pytest.mark.parametrize("how", ["switched_off", "deleted"])
async def test_the_bookings_are_removed_when_it_is(lab: Operator, centre: Operator, how: str) -> None:
    near, own = await offer(centre, lab), await offer(lab)
    id = await planned(lab, f"centre/{near}", own)

    if how == "deleted":
        await lab.done("workflow", id, "delete")
    else:
        await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}", own, schedule_active=False))

    await gone(centre, near)
    await gone(lab, own)


async def test_the_deadline_refuses_a_plan_that_an_owner_does_not_answer(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near, far, id = await offer(centre, lab), await offer(observatory, lab), fresh("wf")
    await centre.done("peer", "lab", "pause")
    # the centre must hear of it before its hold would have ended, which is twice as long
    impatient = nightly(deadline="PT2S")

    await lab.done(
        "workflow", id, "save", **workflow(id, f"centre/{near}", f"observatory/{far}", schedule=impatient)
    )

    told = await settled(lab, id, "refused")
    assert (told["refusals"][0]["code"], told["refusals"][0]["waiting"]) == ("expired", ["centre"])
    await gone(observatory, far)
    await lab.becomes(lambda: executions(lab, id), lambda found: found == [])
    await centre.done("peer", "lab", "resume")
    await centre.event("booking.aborted", near, workflow=id)
    assert await slots(centre, near) == []


async def test_an_owner_that_is_away_is_waited_for_and_named(tmp_path: Any) -> None:
    async with places(tmp_path, "lab", "centre") as (here, away):
        lab, near, id = here.node, await offer(away.node, here.node), fresh("wf")
        await away.stop()

        await lab.done("workflow", id, "save", **workflow(id, f"centre/{near}"))
        told = await settled(lab, id, "planning")
        assert told["waiting"] == ["centre"]
        back = await away.start()

        await settled(lab, id, "scheduled")
        assert len(await booked(back, near, "scheduled", "scheduled")) == 2
