from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actors.planning import HOLDS, execution_id
from actors.workflow import ACTOR
from messages.booking import Abort, Confirm, Hold, Release
from messages.booking_answers import Expired, SlotsCancelled
from messages.envelope import Address
from messages.execution import Plan, Schedule, SlotCancelled
from messages.states import State
from messages.workflow import Delete, ExecutionChanged
from tests.actors.entity import AT, Entity, Said
from tests.actors.forecast import (
    ALL,
    agree,
    by,
    confirmed,
    day,
    drafted,
    held,
    refused,
    removed,
    save,
    scheduled,
    standing,
    workflow,
)

HPC, GPU, LOCAL = "centre/hpc", "observatory/gpu", "lab/local"
EARLIER = {"end": "2026-10-26T00:00:00"}
"""The change of schedule that leaves the first two executions."""
OTHER = {"cron": "0 0 12 * * *"}
NOONS = ["20261024T100000Z", "20261025T110000Z", "20261026T110000Z", "20261027T110000Z"]


def bookings(said: Said, kind: Any) -> list[str]:
    return said.told(kind)


# Executions (flow 2).


def test_without_cron_there_is_one_execution_at_the_start() -> None:
    said = workflow().say(save(schedule={"cron": None, "zone": "UTC"}))

    assert scheduled(said) == ["20261024T000000Z"]


def test_a_cron_gives_one_execution_an_instant_in_local_time() -> None:
    entity = workflow()

    said = entity.say(save())

    assert (said.names, scheduled(said)) == (["saved", "planned", "scheduled"], ALL)
    (_, first), *_ = said.orders(Schedule)
    assert (first.start, first.end) == (day(24) + timedelta(minutes=30), day(24) + timedelta(minutes=75))
    assert (first.workflow, first.generation, first.workflow_version) == ("f", 1, 1)
    assert entity.view["plan"] == "scheduled"


def test_the_id_of_an_execution_derives_from_workflow_and_instant_and_fits() -> None:
    at = datetime(2026, 10, 24, 0, 30, tzinfo=UTC)

    assert execution_id("f", at) == "f-20261024T003000Z"
    assert execution_id("f", at.replace(microsecond=5)) == "f-20261024T003000-000005Z"
    long, other = execution_id("f" * 63 + "a", at), execution_id("f" * 63 + "b", at)
    assert (len(long) <= 64, long != other) == (True, True)


def test_without_an_active_schedule_nothing_is_planned() -> None:
    assert workflow().say(save(schedule_active=False)).names == ["saved"]


def test_a_change_of_the_schedule_is_delete_and_add() -> None:
    said = workflow(save()).say(save(schedule=OTHER))

    assert (removed(said), scheduled(said)) == (ALL, NOONS)
    assert {one.generation for _, one in said.orders(Schedule)} == {2}


@pytest.mark.parametrize(
    "change",
    [
        {"start": "2026-10-24T01:00:00"},
        EARLIER,
        OTHER,
        {"zone": "UTC"},
        {"duration": "PT5M"},
        {"grace": "PT5S"},
    ],
)
def test_each_change_of_the_schedule_plans_anew(change: dict[str, str]) -> None:
    assert "planned" in workflow(save()).say(save(schedule=change)).names


def test_other_changes_leave_the_plan() -> None:
    entity = workflow(save())

    said = entity.say(save(name="Outlook", description="x", labels={"team": "a"}))

    assert (said.names, entity.view["plan"]) == (["saved"], "scheduled")


def test_what_stands_and_is_planned_again_learns_the_new_plan_and_is_not_removed() -> None:
    said = workflow(save()).say(save(schedule=EARLIER))

    assert (removed(said), scheduled(said)) == (ALL[2:], ALL[:2])


@pytest.mark.parametrize("state", [State.STARTED, State.SUCCESS, State.CANCELLED, State.FORGOTTEN])
def test_what_has_started_or_ended_is_left_alone(state: State) -> None:
    entity = workflow(save())
    entity.say(ExecutionChanged(execution=f"f-{ALL[0]}", state=state, start=day(24)))

    said = entity.say(save(schedule={"duration": "PT5M"}))

    assert (removed(said), scheduled(said)) == ([], ALL[1:])


def test_what_has_ended_is_remembered_for_two_days_after_its_time() -> None:
    entity = workflow(save())
    entity.say(ExecutionChanged(execution="f-1", state=State.CANCELLED, start=day(24)))
    entity.at = day(27)
    entity.say(ExecutionChanged(execution="f-2", state=State.CANCELLED, start=day(27)))

    assert set(entity.state.plans.noted) == {"f-2"}


@pytest.mark.parametrize("active", [False, None])
def test_an_inactive_schedule_or_a_deletion_removes_the_planned_ones(active: bool | None) -> None:
    entity = workflow(save())

    said = entity.say(Delete() if active is None else save(schedule_active=active))

    assert removed(said) == ALL
    assert active is None or entity.view["plan"] == "none"


def test_what_has_started_survives_an_inactive_schedule() -> None:
    entity = workflow(save())
    entity.say(ExecutionChanged(execution=f"f-{ALL[0]}", state=State.STARTED, start=day(24)))

    assert removed(entity.say(save(schedule_active=False))) == ALL[1:]


def test_a_plan_can_be_switched_on_again() -> None:
    entity = workflow(save(), save(schedule_active=False))

    said = entity.say(save())

    assert scheduled(said) == ALL
    assert {one.generation for _, one in said.orders(Schedule)} == {3}


def test_a_schedule_without_end_is_a_window_that_rolls_on() -> None:
    entity = workflow()
    first = scheduled(entity.say(save(schedule={"end": None, "window_days": 4})))
    assert dict(ACTOR.alarms(entity.state)) == {"extend": day(26) - timedelta(hours=2)}

    said = entity.ring("extend")

    assert (len(first), removed(said)) == (4, [])
    assert scheduled(said) == [one for one in first if one > "20261025T22"] + [
        "20261028T013000Z",
        "20261029T013000Z",
    ]
    assert ACTOR.alarms(entity.state)["extend"] > entity.at


def test_what_is_delayed_outlives_an_extension_and_ends_with_the_plan() -> None:
    entity = workflow(save(schedule={"end": None, "window_days": 4}))
    entity.say(ExecutionChanged(execution=f"f-{ALL[0]}", state=State.SUCCESS, start=day(24)))
    entity.ring("extend")

    said = entity.say(save(schedule_active=False))

    assert (ALL[0] in removed(said), ALL[1] in removed(said)) == (False, True)


def test_an_extension_holds_what_runs_now_along_with_what_is_new() -> None:
    entity = workflow(save("centre/hpc", schedule={"end": None, "window_days": 4, "duration": "PT47H"}))
    agree(entity, 1, HPC)

    ((_, hold),) = entity.ring("extend").orders(Hold)

    assert hold.slots[0].execution == f"f-{ALL[0]}"
    assert hold.generation == 2


def test_an_extension_that_is_refused_leaves_what_stands_and_is_tried_again() -> None:
    entity = workflow(save("centre/hpc", schedule={"end": None, "window_days": 4}))
    agree(entity, 1, HPC)
    entity.ring("extend")

    said = by(entity, refused(HPC, 2))

    assert (removed(said), entity.view["plan"]) == (["20261028T013000Z", "20261029T013000Z"], "refused")
    assert dict(ACTOR.alarms(entity.state)) == {"extend": entity.at + timedelta(days=1)}
    assert entity.ring("extend").told(Hold) == ["centre/booking.hpc"]


# Bookings (flow 3).


def test_each_owner_ourselves_included_gets_one_request_with_all_slots() -> None:
    entity = workflow()

    said = entity.say(save("centre/hpc", "local"))

    assert bookings(said, Hold) == ["centre/booking.hpc", "booking.local"]
    (_, hold), *_ = said.orders(Hold)
    assert [slot.execution for slot in hold.slots] == [f"f-{one}" for one in ALL]
    assert {slot.units for slot in hold.slots} == {2}
    assert (hold.workflow, hold.generation) == ("f", 1)
    assert hold.reply_to == Address("workflow", "f", "lab")


def test_while_the_owners_are_asked_the_executions_are_drafts() -> None:
    entity = workflow()

    said = entity.say(save("centre/hpc", "local"))

    assert (drafted(said), scheduled(said)) == (ALL, [])
    (_, plan), *_ = said.orders(Plan)
    assert [(one.resource, one.owner, one.units) for one in plan.bookings] == [
        ("centre/hpc", "centre", 2),
        ("local", "lab", 2),
    ]
    assert (entity.view["plan"], entity.view["waiting"]) == ("planning", ["centre", "lab"])


def test_all_hold_then_all_confirm_then_the_executions_are_scheduled() -> None:
    entity = workflow(save("centre/hpc", "local"))

    one_holds = by(entity, held(HPC))
    assert (one_holds.orders(), entity.view["waiting"]) == ([], ["lab"])

    both_hold = by(entity, held(LOCAL))
    assert bookings(both_hold, Confirm) == ["centre/booking.hpc", "booking.local"]
    assert (entity.view["plan"], entity.view["waiting"]) == ("planning", ["centre", "lab"])

    assert by(entity, confirmed(LOCAL)).orders() == []
    both_confirm = by(entity, confirmed(HPC))
    assert (scheduled(both_confirm), removed(both_confirm)) == (ALL, [])
    assert (entity.view["plan"], entity.view["waiting"]) == ("scheduled", [])


def test_a_refusal_leaves_nothing_of_the_new_plan_anywhere() -> None:
    entity = workflow(save("centre/hpc", "local"))
    by(entity, held(LOCAL))

    said = by(entity, refused(HPC))

    assert bookings(said, Abort) == ["centre/booking.hpc", "booking.local"]
    assert (removed(said), entity.view["plan"]) == (ALL, "refused")
    (event,) = said.events
    assert (event.code, event.refusals[0].owner, event.refusals[0].resource) == (
        "booking_refused",
        "centre",
        HPC,
    )
    assert [one["code"] for one in entity.view["refusals"]] == ["already_booked"]


def test_on_a_refusal_what_stood_before_stays() -> None:
    entity = standing(HPC, LOCAL)
    said = entity.say(save("centre/hpc", "local", schedule=OTHER))
    assert (drafted(said), removed(said)) == (NOONS, [])

    said = by(entity, refused(LOCAL, 2))

    assert removed(said) == NOONS
    assert bookings(said, Release) == []
    assert {abort.generation for _, abort in said.orders(Abort)} == {2}
    assert entity.state.plans.standing.plan.generation == 1


def test_a_new_plan_replaces_the_old_one_when_it_is_confirmed_and_not_before() -> None:
    entity = standing(HPC, GPU)
    entity.say(save("centre/hpc", "local", schedule=EARLIER))
    by(entity, held(HPC, 2))
    assert removed(by(entity, held(LOCAL, 2))) == []

    by(entity, confirmed(HPC, 2))
    said = by(entity, confirmed(LOCAL, 2))

    assert (scheduled(said), removed(said)) == (ALL[:2], ALL[2:])
    assert bookings(said, Release) == ["observatory/booking.gpu"]
    assert {release.generation for _, release in said.orders(Release)} == {2}


def test_skip_drops_only_the_executions_that_conflict() -> None:
    entity = workflow(save("centre/hpc", "local", on_conflict="skip"))
    by(entity, held(HPC, 1, f"f-{ALL[0]}"))

    said = by(entity, held(LOCAL, 1, f"f-{ALL[1]}"))
    assert {confirm.drop for _, confirm in said.orders(Confirm)} == {(f"f-{ALL[0]}", f"f-{ALL[1]}")}

    by(entity, confirmed(HPC))
    said = by(entity, confirmed(LOCAL))
    assert (scheduled(said), removed(said)) == (ALL[2:], ALL[:2])


def test_at_the_deadline_the_plan_is_refused_and_the_holds_are_aborted() -> None:
    entity = workflow(save("centre/hpc", "local", schedule={"deadline": "PT2H"}))
    by(entity, held(LOCAL))
    assert dict(ACTOR.alarms(entity.state)) == {"deadline": AT + timedelta(hours=2)}

    said = entity.ring("deadline")

    (event,) = said.events
    assert (event.code, event.refusals[0].waiting) == ("expired", ("centre",))
    assert bookings(said, Abort) == ["centre/booking.hpc", "booking.local"]
    assert (removed(said), entity.view["plan"]) == (ALL, "refused")


def test_an_owner_that_answers_after_the_deadline_is_not_listened_to() -> None:
    entity = workflow(save("centre/hpc"))
    entity.ring("deadline")

    assert by(entity, held(HPC)).names == []


def test_a_hold_outlives_the_deadline_so_that_a_confirmation_can_come() -> None:
    ((_, hold),) = workflow().say(save("centre/hpc", schedule={"deadline": "PT2H"})).orders(Hold)

    assert hold.until == AT + timedelta(hours=4)


def test_what_all_have_agreed_has_no_deadline() -> None:
    entity = workflow(save("centre/hpc"))
    by(entity, held(HPC))

    assert dict(ACTOR.alarms(entity.state)) == {}


@pytest.mark.parametrize(
    "answer", [held(HPC), refused(HPC), confirmed(HPC), Expired(resource=HPC, generation=1)]
)
def test_an_answer_counts_only_from_the_owner(answer: Any) -> None:
    entity = workflow(save("centre/hpc"))

    assert entity.by_peer("observatory", answer).names == []
    assert entity.say(answer).names == []


@pytest.mark.parametrize("answer", [held, refused, confirmed])
@pytest.mark.parametrize("generation", [1, 3])
def test_an_answer_counts_only_for_the_plan_that_is_asked_about(answer: Any, generation: int) -> None:
    entity = standing(HPC)
    entity.say(save("centre/hpc", schedule=OTHER))

    assert by(entity, answer(HPC, generation)).names == []
    assert by(entity, answer(GPU, 2)).names == []


def test_a_plan_that_is_overtaken_leaves_nothing() -> None:
    entity = workflow(save("centre/hpc", "local"))
    by(entity, held(LOCAL))

    said = entity.say(save("centre/hpc", schedule=EARLIER))

    assert bookings(said, Hold) == ["centre/booking.hpc"]
    assert [(to, abort.generation) for to, abort in said.orders(Abort)] == [("booking.local", 1)]
    assert (drafted(said), removed(said)) == (ALL[:2], ALL[2:])


def test_a_plan_on_no_compute_any_more_is_scheduled_at_once() -> None:
    entity = standing(HPC)

    said = entity.say(save())

    assert (scheduled(said), drafted(said)) == (ALL, [])
    assert bookings(said, Release) == ["centre/booking.hpc"]


def test_a_plan_without_instants_books_nothing() -> None:
    entity = standing(HPC)

    said = entity.say(save("centre/hpc", schedule={"end": "2026-10-24T01:00:00", "cron": "0 0 12 * * *"}))

    assert bookings(said, Hold) == []
    assert (removed(said), bookings(said, Release)) == (ALL, ["centre/booking.hpc"])


def test_a_save_while_a_plan_is_confirmed_is_planned_after_it() -> None:
    entity = workflow(save("centre/hpc"))
    by(entity, held(HPC))

    said = entity.say(save("centre/hpc", schedule=OTHER))
    assert (said.names, said.told(Hold)) == (["saved", "deferred"], [])
    assert entity.say(save("centre/hpc", schedule=EARLIER)).names == ["saved"]

    said = by(entity, confirmed(HPC))
    assert said.names == ["owner_confirmed", "scheduled", "planned"]
    assert (scheduled(said), drafted(said), removed(said)) == (ALL, [], [])
    ((_, hold),) = said.orders(Hold)
    assert (hold.generation, len(hold.slots)) == (2, 2)


@pytest.mark.parametrize("asked", [False, True])
def test_switching_off_while_the_owners_are_asked_releases_everything(asked: bool) -> None:
    entity = standing(HPC)
    entity.say(save("centre/hpc", "local", schedule=OTHER))
    if asked:
        by(entity, held(HPC, 2))
        by(entity, held(LOCAL, 2))

    said = entity.say(save("centre/hpc", "local", schedule=OTHER, schedule_active=False))

    assert [(to, one.generation) for to, one in said.orders(Release)] == [
        ("centre/booking.hpc", 3),
        ("booking.local", 3),
    ]
    assert removed(said) == sorted(ALL + NOONS)
    assert (entity.view["plan"], by(entity, confirmed(HPC, 2)).names) == ("none", [])


def confirming(*resources: str) -> Entity:
    entity = workflow(save(*(one.removeprefix("lab/") for one in resources)))
    for one in resources:
        by(entity, held(one))
    return entity


def expired(resource: str = HPC) -> Expired:
    return Expired(resource=resource, generation=1)


def test_an_owner_whose_hold_expired_before_the_confirmation_is_asked_again() -> None:
    entity = confirming(HPC, LOCAL)
    by(entity, confirmed(LOCAL))

    ((to, hold),) = by(entity, expired()).orders(Hold)
    assert (to, hold.generation, hold.on_conflict) == ("centre/booking.hpc", 1, "refuse")

    assert by(entity, held(HPC)).told(Confirm) == ["centre/booking.hpc"]
    assert scheduled(by(entity, confirmed(HPC))) == ALL


def test_an_owner_is_asked_again_a_few_times_only() -> None:
    entity = confirming(HPC, LOCAL)
    for _ in range(HOLDS):
        by(entity, expired())
        by(entity, held(HPC))

    said = by(entity, expired())

    assert bookings(said, Release) == ["centre/booking.hpc", "booking.local"]
    assert (removed(said), entity.view["plan"]) == (ALL, "refused")


def test_an_owner_that_refuses_to_hold_again_ends_the_plan_everywhere() -> None:
    entity = confirming(HPC, LOCAL)
    by(entity, confirmed(LOCAL))
    by(entity, expired())

    said = by(entity, refused(HPC))

    assert bookings(said, Release) == ["centre/booking.hpc", "booking.local"]
    assert (removed(said), entity.view["plan"]) == (ALL, "refused")


def test_a_hold_that_expires_while_others_are_asked_refuses_the_plan() -> None:
    entity = workflow(save("centre/hpc", "local"))
    by(entity, held(HPC))

    (event,) = by(entity, expired()).events

    assert (event.code, event.aborted) == ("expired", (HPC, LOCAL))


# An owner takes a slot back.


def taken(resource: str, *executions: str) -> SlotsCancelled:
    return SlotsCancelled(resource=resource, executions=executions, reason="maintenance")


def test_a_slot_that_is_taken_back_is_told_to_its_execution() -> None:
    entity = standing(HPC, LOCAL)

    said = by(entity, taken(HPC, f"f-{ALL[0]}", "unknown"))

    told = SlotCancelled(resource=HPC, generation=1, reason="maintenance")
    assert said.orders(SlotCancelled) == [(f"execution.f-{ALL[0]}", told)]
    assert by(entity, taken(LOCAL, f"f-{ALL[0]}")).orders(SlotCancelled)[0][1].resource == "local"


def test_only_the_owner_takes_a_slot_back() -> None:
    entity = standing(HPC)

    assert entity.by_peer("observatory", taken(HPC, f"f-{ALL[0]}")).names == []
    assert by(entity, taken(GPU, f"f-{ALL[0]}")).names == []
