from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.execution.execution import ACTOR
from messages.base import Command
from messages.booking import Mark
from messages.execution import (
    Booked,
    Cancel,
    Fail,
    Fire,
    OnCancelled,
    Plan,
    Planned,
    Remove,
    Schedule,
    Skip,
    SlotCancelled,
    Start,
    Succeed,
)
from messages.states import CODES, State
from messages.workflow import ExecutionChanged
from tests.actors.entity import AT, Entity, Said

BOOKINGS = (
    Booked(resource="hpc", owner="lab", units=2),
    Booked(resource="centre/hpc", owner="centre"),
)


def planned(kind: type[Any], generation: int = 1, **changes: Any) -> Any:
    body: dict[str, Any] = {
        "workflow": "w",
        "workflow_version": 4,
        "generation": generation,
        "start": AT + timedelta(hours=1),
        "end": AT + timedelta(hours=2),
        "bookings": BOOKINGS,
    }
    return kind(**(body | changes))


def plan(generation: int = 1, **changes: Any) -> Plan:
    return planned(Plan, generation, **changes)  # type: ignore[no-any-return]  # made of the given type


def schedule(generation: int = 1, **changes: Any) -> Schedule:
    return planned(Schedule, generation, **changes)  # type: ignore[no-any-return]  # likewise


def lost(generation: int = 1, resource: str = "hpc") -> SlotCancelled:
    return SlotCancelled(resource=resource, generation=generation, reason="maintenance")


LOST_REASON = "the owner of hpc took the slot back: maintenance"
PATHS: dict[str, tuple[Command | str, ...]] = {
    "none": (),
    "removed": (schedule(), Remove(generation=1)),
    "draft": (plan(),),
    "scheduled": (plan(), schedule()),
    "delayed": (schedule(), lost()),
    "started": (schedule(), Start()),
    "success": (schedule(), Start(), Succeed()),
    "failure": (schedule(), Start(), Fail(reason="broken")),
    "forgotten": (schedule(), "forget"),
    "cancelled": (schedule(), Cancel()),
}
NO, CONFLICT = "not_found", "state_conflict"
ENDED = {"success", "failure", "forgotten", "cancelled"}
COMMANDS: dict[str, Command] = {
    "start": Start(),
    "succeed": Succeed(),
    "fail": Fail(reason="broken"),
    "cancel": Cancel(),
    "plan_again": plan(1),
    "plan_later": plan(2),
    "schedule_again": schedule(1),
    "schedule_later": schedule(2),
    "remove_earlier": Remove(generation=0),
    "remove_now": Remove(generation=1),
    "remove_later": Remove(generation=2),
    "lose_earlier": lost(0),
    "lose_now": lost(1, "centre/hpc"),
    "lose_later": lost(2),
    "fire_now": planned(Fire, 1),
    "fire_later": planned(Fire, 2),
    "skip": Skip(reason="another runs"),
    "miss": Skip(reason="too late", is_missed=True),
}
TABLE: dict[str, dict[str, Any]] = {
    "none": {
        **dict.fromkeys(("start", "succeed", "fail", "cancel"), NO),
        "plan_again": ["drafted"],
        "plan_later": ["drafted"],
        "schedule_again": ["scheduled"],
        "schedule_later": ["scheduled"],
        "remove_now": ["removed"],
        "remove_later": ["removed"],
        "lose_now": ["slot_lost"],
        "lose_later": ["slot_lost"],
        "fire_now": ["scheduled", "started"],
        "fire_later": ["scheduled", "started"],
    },
    "removed": {
        **dict.fromkeys(("start", "succeed", "fail", "cancel"), NO),
        "plan_later": ["drafted"],
        "schedule_later": ["scheduled"],
        "remove_later": ["removed"],
        "lose_later": ["slot_lost"],
        "fire_now": ["scheduled", "started"],
        "fire_later": ["scheduled", "started"],
    },
    "draft": {
        "start": "not_scheduled",
        "succeed": CONFLICT,
        "fail": CONFLICT,
        "cancel": ["cancelled"],
        "plan_later": ["drafted"],
        "schedule_again": ["scheduled"],
        "schedule_later": ["scheduled"],
        "remove_now": ["removed"],
        "remove_later": ["removed"],
        "lose_now": ["slot_lost"],
        "lose_later": ["slot_lost"],
        "fire_now": ["scheduled", "started"],
        "fire_later": ["scheduled", "started"],
        "skip": ["cancelled"],
        "miss": ["forgotten"],
    },
    "scheduled": {
        "start": ["started"],
        "succeed": CONFLICT,
        "fail": CONFLICT,
        "cancel": ["cancelled"],
        "plan_later": ["drafted"],
        "schedule_later": ["scheduled"],
        "remove_now": ["removed"],
        "remove_later": ["removed"],
        "lose_now": ["slot_lost", "delayed"],
        "lose_later": ["slot_lost"],
        "fire_now": ["started"],
        "fire_later": ["started"],
        "skip": ["cancelled"],
        "miss": ["forgotten"],
    },
    "delayed": {
        "start": ["started"],
        "succeed": CONFLICT,
        "fail": CONFLICT,
        "cancel": ["cancelled"],
        "plan_later": ["drafted"],
        "schedule_later": ["scheduled"],
        "remove_now": ["removed"],
        "remove_later": ["removed"],
        "lose_now": ["slot_lost"],
        "lose_later": ["slot_lost"],
        "fire_now": ["started"],
        "fire_later": ["started"],
        "skip": ["cancelled"],
        "miss": ["forgotten"],
    },
    "started": {
        "succeed": ["succeeded"],
        "fail": ["failed"],
        "cancel": ["cancelled"],
        "schedule_later": ["kept"],
        "lose_now": ["slot_lost"],
        "lose_later": ["slot_lost"],
    },
    **{
        state: {
            "start": CONFLICT,
            "succeed": [] if state == "success" else CONFLICT,
            "fail": [] if state == "failure" else CONFLICT,
            "cancel": [] if state == "cancelled" else CONFLICT,
            "schedule_later": ["kept"],
        }
        for state in ENDED
    },
}


def execution(state: str) -> Entity:
    entity = Entity(ACTOR, "w-1")
    for step in PATHS[state]:
        if isinstance(step, str):
            entity.ring(step)
        else:
            entity.say(step)
    return entity


def walked(*steps: Command) -> tuple[Entity, Said]:
    entity = Entity(ACTOR, "w-1")
    said = [entity.say(step) for step in steps]
    return entity, said[-1]


def shown(entity: Entity) -> Any:
    return entity.view and entity.view["state"].value


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_state_takes_each_command_as_the_table_says(state: str, command: str) -> None:
    entity = execution(state)
    expected = TABLE[state].get(command, [])

    if isinstance(expected, str):
        entity.refuses(COMMANDS[command], expected)
    else:
        assert entity.say(COMMANDS[command]).names == expected


@pytest.mark.parametrize("state", [state for state in PATHS if state not in ("none", "removed")])
def test_each_path_leads_to_the_state_of_its_name(state: str) -> None:
    entity = execution(state)

    assert shown(entity) == state
    assert entity.summary is not None
    assert entity.summary.status == state
    assert entity.view["code"] == CODES[State(state)]


@pytest.mark.parametrize("state", ["none", "removed"])
def test_what_is_not_planned_is_not_shown(state: str) -> None:
    assert execution(state).view is None
    assert execution(state).summary is None


def test_the_states_have_the_numbers_of_opencloud() -> None:
    words = ["draft", "scheduled", "started", "failure", "success"]
    words += ["forgotten", "delayed", "cancelled", "in_preparation"]

    assert [(state.value, state.code) for state in State] == list(zip(words, range(9), strict=True))


def test_an_execution_shows_when_it_is_and_what_it_has_booked() -> None:
    entity = execution("scheduled")

    assert entity.view["bookings"] == [
        {"resource": "hpc", "owner": "lab", "state": "scheduled"},
        {"resource": "centre/hpc", "owner": "centre", "state": "scheduled"},
    ]
    assert entity.view["workflow"] == "w"
    assert entity.summary is not None
    assert (entity.summary.parent, entity.summary.at) == ("w", AT + timedelta(hours=1))


def test_a_start_gives_the_work_away_and_tells_the_owners_and_the_workflow() -> None:
    entity = execution("scheduled")

    said = entity.say(Start())

    (task,) = said.tasks
    assert (task.execution, task.workflow, task.key) == ("w-1", "w", "w-1.1")
    assert said.told(Mark) == ["booking.hpc", "centre/booking.hpc"]
    changed = ExecutionChanged(execution="w-1", state=State.STARTED, start=AT + timedelta(hours=1))
    assert said.orders(ExecutionChanged) == [("workflow.w", changed)]


@pytest.mark.parametrize(
    ("command", "state"),
    [(Succeed(result={"a": 1}), "success"), (Fail(reason="broken"), "failure"), (Cancel(), "cancelled")],
)
def test_the_end_of_a_run_is_told_to_the_owners_and_the_workflow(command: Command, state: str) -> None:
    entity = execution("started")

    said = entity.say(command)

    marks = [mark.state.value for _, mark in said.orders(Mark)]
    assert marks == [state, state]
    assert [changed.state.value for _, changed in said.orders(ExecutionChanged)] == [state]
    assert [one["state"].value for one in entity.view["bookings"]] == [state, state]


def test_a_run_that_never_began_frees_its_slots() -> None:
    _, said = walked(schedule(), Cancel(reason="no need"))

    assert [mark.state for _, mark in said.orders(Mark)] == [State.CANCELLED, State.CANCELLED]


def test_what_has_not_started_a_grace_after_its_time_is_forgotten_and_frees_its_slots() -> None:
    entity = execution("scheduled")
    assert dict(ACTOR.alarms(entity.state)) == {"forget": AT + timedelta(hours=1, seconds=60)}

    said = entity.ring("forget")

    assert said.names == ["forgotten"]
    assert [mark.state for _, mark in said.orders(Mark)] == [State.CANCELLED, State.CANCELLED]
    assert [changed.state for _, changed in said.orders(ExecutionChanged)] == [State.FORGOTTEN]


def test_the_workflow_is_told_what_became_of_one_that_it_wants_to_start_and_that_cannot() -> None:
    for state, told in (("started", State.STARTED), ("cancelled", State.CANCELLED), ("none", None)):
        entity = execution(state)
        fire = planned(Fire, 1)
        passed = ACTOR.passes(entity.state, fire, entity.turn(fire, "actor"))

        (order,) = passed
        assert str(order.to) == "workflow.w"  # type: ignore[union-attr]  # it is an order
        assert order.command.state == (told or State.CANCELLED)  # type: ignore[union-attr]  # likewise


def test_what_starts_by_itself_is_seen_to_by_the_workflow_and_has_no_alarm() -> None:
    entity, _ = walked(schedule(starts_itself=True))

    assert dict(ACTOR.alarms(entity.state)) == {}


def test_the_grace_is_that_of_the_schedule() -> None:
    entity, _ = walked(schedule(grace_seconds=3600.0))

    assert ACTOR.alarms(entity.state)["forget"] == AT + timedelta(hours=2)


def test_what_is_delayed_may_start_in_all_its_time_and_is_forgotten_a_grace_after_it() -> None:
    entity = execution("delayed")
    assert dict(ACTOR.alarms(entity.state)) == {"forget": AT + timedelta(hours=2, seconds=60)}

    said = entity.ring("forget")

    assert (said.names, entity.view["reason"]) == (["forgotten"], LOST_REASON)
    assert [mark.state for _, mark in said.orders(Mark)] == [State.CANCELLED, State.CANCELLED]
    assert [changed.state for _, changed in said.orders(ExecutionChanged)] == [State.FORGOTTEN]
    entity.refuses(Start(), "state_conflict")


@pytest.mark.parametrize("state", [state for state in PATHS if state not in ("scheduled", "delayed")])
def test_only_what_is_scheduled_or_delayed_can_be_forgotten(state: str) -> None:
    assert ACTOR.alarms(execution(state).state) == {}


@pytest.mark.parametrize(("policy", "state"), [("delay", "delayed"), ("fail", "failure")])
def test_a_slot_that_its_owner_takes_back_delays_or_fails_it(policy: OnCancelled, state: str) -> None:
    entity, said = walked(schedule(on_cancelled=policy), lost())

    assert shown(entity) == state
    assert "maintenance" in entity.view["reason"]
    assert entity.view["bookings"][0]["state"] == State.CANCELLED
    assert said.told(Mark) == ([] if policy == "delay" else ["booking.hpc", "centre/booking.hpc"])


def test_a_run_on_a_slot_that_is_taken_back_goes_on_or_fails() -> None:
    goes_on, _ = walked(schedule(), Start(), lost())
    fails, _ = walked(schedule(on_cancelled="fail"), Start(), lost())

    assert (shown(goes_on), shown(fails)) == ("started", "failure")


def test_a_slot_that_is_taken_back_before_its_plan_is_heard_of_counts_for_that_plan() -> None:
    early, _ = walked(plan(), lost(1), schedule(1))
    earlier, _ = walked(lost(2), plan(1), schedule(1), schedule(2))
    old, _ = walked(lost(1), schedule(2))

    assert (shown(early), shown(earlier), shown(old)) == ("delayed", "delayed", "scheduled")


def test_a_draft_that_lost_a_slot_fails_when_it_is_confirmed_and_not_before() -> None:
    entity, said = walked(plan(on_cancelled="fail"), lost())
    assert (said.names, shown(entity)) == (["slot_lost"], "draft")

    entity.say(schedule(on_cancelled="fail"))

    assert shown(entity) == "failure"


@pytest.mark.parametrize("state", ["started", *sorted(ENDED)])
def test_a_later_plan_that_has_it_leaves_it_and_tells_the_owners_how_it_stands(state: str) -> None:
    entity = execution(state)
    before = entity.view

    said = entity.say(schedule(2, bookings=(Booked(resource="other/gpu", owner="other"),)))

    has_run = state in ("started", "success", "failure")
    expected = State(state) if has_run else State.CANCELLED
    assert [(to, mark.state) for to, mark in said.orders(Mark)] == [("other/booking.gpu", expected)]
    assert {**entity.view, "generation": 1, "bookings": before["bookings"]} == before


def test_a_draft_that_was_cancelled_tells_the_owners_again_when_they_have_confirmed() -> None:
    _, said = walked(plan(), Cancel(), schedule())

    assert [mark.state for _, mark in said.orders(Mark)] == [State.CANCELLED, State.CANCELLED]


@pytest.mark.parametrize(
    "steps",
    [
        (plan(1), schedule(1), Remove(generation=2), plan(3)),
        (plan(1), schedule(1), plan(3), Remove(generation=2)),
        (plan(3), Remove(generation=2), schedule(1), plan(1)),
        (Remove(generation=2), plan(3), plan(1), schedule(1)),
    ],
)
def test_the_latest_plan_wins_in_whatever_order_they_come(steps: tuple[Command, ...]) -> None:
    entity, _ = walked(*steps)

    assert (shown(entity), entity.view["generation"]) == ("draft", 3)


@pytest.mark.parametrize(
    "steps",
    [
        (plan(1), Remove(generation=1)),
        (Remove(generation=1), plan(1)),
        (schedule(1), plan(2), Remove(generation=3)),
        (Remove(generation=3), schedule(1), plan(2)),
        (schedule(1), Remove(generation=3), plan(2)),
    ],
)
def test_what_was_removed_stays_so_in_whatever_order_it_was_said(steps: tuple[Command, ...]) -> None:
    entity, _ = walked(*steps)

    assert entity.view is None


def test_a_confirmation_that_overtakes_the_draft_stands() -> None:
    entity, _ = walked(schedule(1), plan(1))

    assert shown(entity) == "scheduled"


def test_a_plan_is_said_by_the_workflow_alone() -> None:
    assert {"plan", "schedule", "remove", "slot_cancelled", "fire", "skip"} == ACTOR.internal
    assert ACTOR.peers_may == frozenset()


def test_a_plan_carries_all_that_the_execution_shows() -> None:
    assert set(Planned.__struct_fields__) <= set(Plan.__struct_fields__) & set(Schedule.__struct_fields__)
