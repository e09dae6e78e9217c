from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from actors.workflow.defining import INACTIVE
from actors.workflow.slots import execution_id
from actors.workflow.workflow import ACTOR
from messages.booking import Hold, Release
from messages.execution import Schedule
from messages.states import State
from messages.workflow import Delete, ExecutionChanged
from tests.actors.forecast import (
    ALL,
    EARLIER,
    HPC,
    NOONS,
    OTHER,
    agree,
    by,
    day,
    drafted,
    refused,
    removed,
    save,
    scheduled,
    workflow,
)


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
    assert execution_id("f" * 47, at) == f"{'f' * 47}-20261024T003000Z"
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


def test_what_runs_is_remembered_until_it_ends() -> None:
    entity = workflow(save())
    entity.say(ExecutionChanged(execution="f-1", state=State.STARTED, start=day(24)))
    entity.at = day(30)
    entity.say(ExecutionChanged(execution="f-2", state=State.CANCELLED, start=day(30)))

    assert set(entity.state.plans.noted) == {"f-1", "f-2"}


@pytest.mark.parametrize("active", [False, None])
def test_an_inactive_schedule_or_a_deletion_removes_the_planned_ones(active: bool | None) -> None:
    entity = workflow(save())

    said = entity.say(Delete() if active is None else save(schedule_active=active))

    assert removed(said) == ALL
    assert active is None or entity.view["plan"] == "none"


def test_a_workflow_that_is_not_active_plans_nothing_and_says_so() -> None:
    entity = workflow()

    said = entity.say(save(active=False))

    assert (said.names, said.events[0].note) == (["saved"], INACTIVE)
    assert (entity.view["plan"], entity.view["schedule_active"]) == ("none", True)


def test_what_is_made_inactive_gives_up_its_plan_and_plans_anew_when_it_is_active_again() -> None:
    entity = workflow(save("centre/hpc"))
    agree(entity, 1, HPC)

    off = entity.say(save("centre/hpc", active=False))
    on = entity.say(save("centre/hpc"))

    assert (removed(off), off.told(Release)) == (ALL, ["centre/booking.hpc"])
    assert (drafted(on), on.told(Hold), on.events[0].note) == (ALL, ["centre/booking.hpc"], "")


def test_a_plan_that_rolls_on_ends_when_the_workflow_is_made_inactive() -> None:
    entity = workflow(save(schedule={"end": None, "window_days": 4}))

    entity.say(save(schedule={"end": None, "window_days": 4}, active=False))

    assert ACTOR.alarms(entity.state) == {}


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
