from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from actors.workflow.planning import HOLDS
from actors.workflow.workflow import ACTOR
from messages.booking import Abort, Confirm, Hold, Release
from messages.booking_answers import Expired, SlotsCancelled
from messages.envelope import Address
from messages.execution import Plan, SlotCancelled
from messages.states import State
from messages.workflow import ExecutionChanged, Replan
from tests.actors.entity import AT, Entity
from tests.actors.forecast import (
    ALL,
    EARLIER,
    GPU,
    HPC,
    LOCAL,
    NOONS,
    OTHER,
    by,
    confirmed,
    drafted,
    held,
    refused,
    removed,
    save,
    scheduled,
    standing,
    workflow,
)


def test_each_owner_ourselves_included_gets_one_request_with_all_slots() -> None:
    entity = workflow()

    said = entity.say(save("centre/hpc", "local"))

    assert said.told(Hold) == ["centre/booking.hpc", "booking.local"]
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
    assert both_hold.told(Confirm) == ["centre/booking.hpc", "booking.local"]
    assert (entity.view["plan"], entity.view["waiting"]) == ("planning", ["centre", "lab"])

    assert by(entity, confirmed(LOCAL)).orders() == []
    both_confirm = by(entity, confirmed(HPC))
    assert (scheduled(both_confirm), removed(both_confirm)) == (ALL, [])
    assert (entity.view["plan"], entity.view["waiting"]) == ("scheduled", [])


def test_a_refusal_leaves_nothing_of_the_new_plan_anywhere() -> None:
    entity = workflow(save("centre/hpc", "local"))
    by(entity, held(LOCAL))

    said = by(entity, refused(HPC))

    assert said.told(Abort) == ["centre/booking.hpc", "booking.local"]
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
    assert said.told(Release) == []
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
    assert said.told(Release) == ["observatory/booking.gpu"]
    assert {release.generation for _, release in said.orders(Release)} == {2}


def test_skip_drops_only_the_executions_that_conflict() -> None:
    entity = workflow(save("centre/hpc", "local", on_conflict="skip"))
    by(entity, held(HPC, 1, f"f-{ALL[0]}"))

    said = by(entity, held(LOCAL, 1, f"f-{ALL[1]}"))
    assert {confirm.drop for _, confirm in said.orders(Confirm)} == {(f"f-{ALL[0]}", f"f-{ALL[1]}")}

    by(entity, confirmed(HPC))
    said = by(entity, confirmed(LOCAL))
    assert (scheduled(said), removed(said)) == (ALL[2:], ALL[:2])


def test_when_each_execution_is_skipped_what_stood_before_stays() -> None:
    entity = workflow(save("centre/hpc", "local", on_conflict="skip"))
    by(entity, held(HPC, 1, *(f"f-{one}" for one in ALL[:2])))

    said = by(entity, held(LOCAL, 1, *(f"f-{one}" for one in ALL[2:])))

    assert (said.names, said.told(Confirm)) == (["owner_held", "refused"], [])
    assert said.told(Abort) == ["centre/booking.hpc", "booking.local"]


def test_at_the_deadline_the_plan_is_refused_and_the_holds_are_aborted() -> None:
    entity = workflow(save("centre/hpc", "local", schedule={"deadline": "PT2H"}))
    by(entity, held(LOCAL))
    assert dict(ACTOR.alarms(entity.state)) == {"deadline": AT + timedelta(hours=2)}

    said = entity.ring("deadline")

    (event,) = said.events
    assert (event.code, event.refusals[0].waiting) == ("expired", ("centre",))
    assert said.told(Abort) == ["centre/booking.hpc", "booking.local"]
    assert (removed(said), entity.view["plan"]) == (ALL, "refused")


def test_the_owners_can_be_asked_again_after_a_refusal_and_only_then() -> None:
    entity = standing(HPC)
    assert entity.say(Replan()).names == []

    entity.say(save("centre/hpc", schedule=OTHER))
    by(entity, refused(HPC, 2))
    said = entity.say(Replan())

    assert [(to, hold.generation) for to, hold in said.orders(Hold)] == [("centre/booking.hpc", 3)]
    assert drafted(said) == NOONS


def test_an_owner_that_answers_after_the_deadline_is_not_listened_to() -> None:
    entity = workflow(save("centre/hpc"))
    entity.ring("deadline")

    assert by(entity, held(HPC)).names == []


def test_a_hold_outlives_the_deadline_so_that_a_confirmation_can_come() -> None:
    ((_, hold),) = workflow().say(save("centre/hpc", schedule={"deadline": "PT2H"})).orders(Hold)

    assert hold.until == AT + timedelta(hours=4)


def test_what_all_hold_and_one_never_confirms_is_refused_and_put_back() -> None:
    entity = standing(HPC, LOCAL)
    entity.say(save("centre/hpc", "local", schedule=OTHER | {"deadline": "PT2H"}))
    by(entity, held(HPC, 2))
    by(entity, held(LOCAL, 2))
    by(entity, confirmed(LOCAL, 2))
    assert dict(ACTOR.alarms(entity.state)) == {"deadline": AT + timedelta(hours=6)}

    said = entity.ring("deadline")

    (event,) = said.events
    assert (event.code, event.refusals[0].waiting) == ("expired", ("centre",))
    assert said.told(Abort) == ["centre/booking.hpc", "booking.local"]
    assert (removed(said), entity.view["plan"]) == (NOONS, "refused")
    assert entity.state.plans.standing.plan.generation == 1
    assert by(entity, confirmed(HPC, 2)).names == []


def test_an_owner_that_is_asked_again_has_as_long_again() -> None:
    entity = workflow(save("centre/hpc", schedule={"deadline": "PT2H"}))
    by(entity, held(HPC))
    entity.at += timedelta(hours=5)

    by(entity, expired())

    assert dict(ACTOR.alarms(entity.state)) == {"deadline": entity.at + timedelta(hours=4)}


def test_a_save_while_a_plan_is_confirmed_is_planned_when_that_ends_at_its_deadline() -> None:
    entity = confirming(HPC, LOCAL)
    entity.say(save("centre/hpc", "local", schedule=OTHER))

    said = entity.ring("deadline")

    assert said.names == ["refused", "planned"]
    assert (drafted(said), entity.view["plan"]) == (NOONS, "planning")


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


def test_a_confirmation_before_all_hold_is_none() -> None:
    entity = workflow(save("centre/hpc", "local"))
    by(entity, held(HPC))

    assert by(entity, confirmed(HPC)).names == []


def test_what_is_confirmed_does_not_expire() -> None:
    entity = confirming(HPC, LOCAL)
    by(entity, confirmed(HPC))

    assert by(entity, expired()).names == []


def test_a_refused_plan_is_forgotten_when_it_is_switched_off() -> None:
    entity = workflow(save("centre/hpc"))
    by(entity, refused(HPC))
    assert entity.view["plan"] == "refused"

    entity.say(save("centre/hpc", schedule_active=False))

    assert (entity.view["plan"], entity.view["refusals"]) == ("none", ())


def test_a_plan_that_is_overtaken_leaves_nothing() -> None:
    entity = workflow(save("centre/hpc", "local"))
    by(entity, held(LOCAL))

    said = entity.say(save("centre/hpc", schedule=EARLIER))

    assert said.told(Hold) == ["centre/booking.hpc"]
    assert [(to, abort.generation) for to, abort in said.orders(Abort)] == [("booking.local", 1)]
    assert (drafted(said), removed(said)) == (ALL[:2], ALL[2:])


def test_a_plan_on_no_compute_any_more_is_scheduled_at_once() -> None:
    entity = standing(HPC)

    said = entity.say(save())

    assert (scheduled(said), drafted(said)) == (ALL, [])
    assert said.told(Release) == ["centre/booking.hpc"]


def test_a_plan_without_instants_books_nothing() -> None:
    entity = standing(HPC)

    said = entity.say(save("centre/hpc", schedule={"end": "2026-10-24T01:00:00", "cron": "0 0 12 * * *"}))

    assert said.told(Hold) == []
    assert (removed(said), said.told(Release)) == (ALL, ["centre/booking.hpc"])


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


def test_a_save_while_a_plan_is_confirmed_is_planned_after_that_fails_too() -> None:
    entity = confirming(HPC, LOCAL)
    entity.say(save("centre/hpc", "local", schedule=EARLIER))
    by(entity, expired())

    said = by(entity, refused(HPC))

    assert said.names == ["refused", "planned"]
    assert (drafted(said), entity.view["plan"]) == (ALL[:2], "planning")


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

    assert said.told(Abort) == ["centre/booking.hpc", "booking.local"]
    assert (removed(said), entity.view["plan"]) == (ALL, "refused")


def test_an_owner_that_refuses_to_hold_again_ends_the_plan_everywhere() -> None:
    entity = confirming(HPC, LOCAL)
    by(entity, confirmed(LOCAL))
    by(entity, expired())

    said = by(entity, refused(HPC))

    assert said.told(Abort) == ["centre/booking.hpc", "booking.local"]
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


def test_a_slot_is_lost_of_the_plan_that_its_owner_names() -> None:
    entity = standing(HPC)
    entity.say(save("centre/hpc", on_conflict="skip"))
    by(entity, held(HPC, 2))

    said = by(entity, replace(taken(HPC, f"f-{ALL[0]}"), generation=2))

    assert [command.generation for _, command in said.orders(SlotCancelled)] == [2]
    assert by(entity, replace(taken(HPC, f"f-{ALL[0]}"), generation=3)).names == []


def test_a_run_that_a_later_plan_does_not_have_hears_that_its_slot_is_lost_once() -> None:
    entity = standing(HPC)
    entity.say(ExecutionChanged(execution=f"f-{ALL[0]}", state=State.STARTED, start=AT))
    entity.say(save("centre/hpc", schedule_active=False))
    lost = replace(taken(HPC, f"f-{ALL[0]}"), generation=1)

    said = by(entity, lost)

    assert [command.generation for _, command in said.orders(SlotCancelled)] == [1]
    assert by(entity, lost).names == []


def test_only_the_owner_takes_a_slot_back() -> None:
    entity = standing(HPC)

    assert entity.by_peer("observatory", taken(HPC, f"f-{ALL[0]}")).names == []
    assert by(entity, taken(GPU, f"f-{ALL[0]}")).names == []


def test_a_slot_that_is_taken_back_before_all_have_confirmed_is_lost_of_the_new_plan() -> None:
    entity = confirming(HPC, LOCAL)
    by(entity, confirmed(HPC))

    said = by(entity, taken(HPC, f"f-{ALL[0]}"))

    told = SlotCancelled(resource=HPC, generation=1, reason="maintenance")
    assert said.orders(SlotCancelled) == [(f"execution.f-{ALL[0]}", told)]
    by(entity, confirmed(LOCAL))
    assert by(entity, taken(HPC, f"f-{ALL[0]}")).names == []
