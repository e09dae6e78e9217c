"""Times among the triggers become the schedule, and versions have the triggers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from actors.actor import ById, Summary
from actors.workflow.triggers import route_id, shape
from actors.workflow.workflow import ACTOR
from messages.route import Claim, Release
from messages.starting import Next
from messages.triggers import HttpTrigger
from messages.workflow import Definition, Deploy, Difference, RollBack, Save, VersionOf
from tests.actors.entity import AT, Entity

DOCUMENT = {
    "document": {"dsl": "1.0.3", "namespace": "test", "name": "w", "version": "1.0.0"},
    "do": [{"say": {"set": {"said": True}}}],
}
OTHER = {**DOCUMENT, "do": [{"say": {"set": {"said": False}}}]}
PARIS = {"zone": "Europe/Paris", "overlap": "buffer_all"}
CRON = {"id": "nightly", "type": "cron", "cron": "30 2 * * *", **PARIS}
DATE = {"id": "once", "type": "date", "start": "2026-10-24T02:30:00", "zone": "Europe/Paris"}
RRULE = {"id": "weekly", "type": "rrule", "rrule": "FREQ=WEEKLY;BYDAY=MO", "start": "2026-10-24T08:00:00Z"}
WEB = {"id": "web", "type": "http", "method": "POST", "path": "/orders"}
HOOK = {"id": "web", "type": "http", "method": "POST", "path": "/hooks"}


def save(*triggers: dict[str, Any], **more: Any) -> Save:
    body = {"name": "W", "definition": DOCUMENT, "triggers": triggers}
    return msgspec.convert(body | more, Save)


def workflow(*said: Save) -> Entity:
    entity = Entity(ACTOR, "w")
    for command in said:
        entity.say(command)
    return entity


def ask(entity: Entity, query: str, asked: Any) -> Any:
    return ACTOR.questions[query].answer(entity.state, asked, entity.turn(asked, "operator"))


def times(entity: Entity, count: int = 2) -> list[str]:
    return [one["local"] for one in ask(entity, "next", Next(count=count))["times"]]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (CRON, ["Tue 2026-10-20 02:30:00 CEST", "Wed 2026-10-21 02:30:00 CEST"]),
        (DATE, ["Sat 2026-10-24 02:30:00 CEST"]),
        (RRULE, ["Mon 2026-10-26 08:00:00 UTC", "Mon 2026-11-02 08:00:00 UTC"]),
    ],
)
def test_a_trigger_that_is_a_time_becomes_the_schedule(trigger: dict[str, Any], expected: list[str]) -> None:
    entity = workflow(save(trigger, WEB))

    view = entity.view

    assert times(entity) == expected
    assert (view["schedule_active"], view["plan"]) == (True, "scheduled")
    assert view["schedule"]["overlap"] == trigger.get("overlap", "skip")
    assert [one["id"] for one in view["triggers"]] == [trigger["id"], "web"]


def test_a_save_again_changes_nothing_though_its_start_was_left_out() -> None:
    entity = workflow(save(CRON))
    entity.at = AT + timedelta(days=1)

    assert entity.say(save(CRON)).events == ()


def test_what_was_read_can_be_saved_also_with_another_time_in_the_trigger() -> None:
    entity = workflow(save(CRON))
    read = {name: entity.view[name] for name in Save.__struct_encode_fields__}

    assert entity.say(msgspec.convert(read, Save)).events == ()
    entity.say(msgspec.convert({**read, "triggers": [{**CRON, "cron": "0 12 * * *"}]}, Save))

    assert times(entity, 1) == ["Tue 2026-10-20 12:00:00 CEST"]


def test_without_the_trigger_there_is_no_schedule_and_beside_it_none_counts() -> None:
    entity = workflow(save(CRON))

    own = {"start": "2026-10-24T00:00:00Z", "cron": "0 0 * * *"}
    said = entity.say(save({**CRON, "grace": "PT5M"}, schedule=own))
    kept = times(entity, 1)
    entity.say(save(WEB))

    assert "nightly is the schedule" in said.events[0].note
    assert (kept, entity.view["schedule"], entity.view["plan"]) == (
        ["Tue 2026-10-20 02:30:00 CEST"],
        None,
        "none",
    )


def test_two_times_are_refused_and_a_wrong_one_is_named_at_its_place() -> None:
    entity = workflow()

    two = entity.refuses(save(WEB, CRON, DATE), "invalid_trigger")
    wrong = entity.refuses(save(WEB, {**CRON, "cron": "61 * * * *"}), "invalid_schedule")
    never = entity.refuses(save({**CRON, "jitter": "P1D"}), "invalid_schedule")

    assert [no.at for no in (two, wrong, never)] == ["/triggers/2", "/triggers/1/cron", "/triggers/0/jitter"]
    assert "nightly is the schedule already" in two.detail


def test_a_date_that_is_past_is_not_planned_and_the_outcome_says_so() -> None:
    entity = workflow()

    said = entity.say(save({**DATE, "start": "2026-10-01T00:00:00Z"}))

    assert "past" in said.events[0].note
    assert (entity.view["schedule_active"], entity.view["plan"]) == (False, "none")


def test_a_version_holds_its_triggers_and_a_change_of_them_alone_makes_one() -> None:
    entity = workflow(save(WEB), save(HOOK), save(HOOK, definition=OTHER), save(HOOK, definition=OTHER))

    versions = [ask(entity, "version", VersionOf(number=number)) for number in (1, 2, 3)]
    changes = ask(entity, "diff", Difference(old=1, new=3))["changes"]

    assert [one["triggers"][0]["path"] for one in versions] == ["/orders", "/hooks", "/hooks"]
    assert [(one["at"], one["new"]) for one in changes] == [
        ("/definition/do/0/say/set/said", False),
        ("/triggers/0/path", "/hooks"),
    ]
    assert entity.view["workflow_version"] == 3


def test_a_roll_back_brings_the_triggers_of_the_version_and_its_routes() -> None:
    entity = workflow(save(WEB), save(HOOK, definition=OTHER))

    said = entity.say(RollBack(version=1))

    assert (entity.view["triggers"][0]["path"], entity.view["workflow_version"]) == ("/orders", 3)
    assert entity.view["definition"] == DOCUMENT
    assert len(said.orders(Claim)) == len(said.orders(Release)) == 1


def test_a_roll_back_is_refused_when_another_workflow_has_the_route_by_now() -> None:
    entity = workflow(save(WEB), save(HOOK))
    route = ById("route", route_id(msgspec.convert(WEB, HttpTrigger)))
    entity.known = {route: Summary(status="active", parent="other")}

    no = entity.refuses(RollBack(version=1), "route_taken")

    assert shape(msgspec.convert(WEB, HttpTrigger)) in no.detail


def test_a_schedule_that_a_trigger_made_comes_and_goes_with_its_version() -> None:
    entity = workflow(save(CRON), save(WEB))

    entity.say(RollBack(version=1))
    with_it = (times(entity, 1), entity.view["plan"])
    entity.say(RollBack(version=2))

    assert with_it == (["Tue 2026-10-20 02:30:00 CEST"], "scheduled")
    assert (entity.view["schedule"], entity.view["schedule_active"], entity.view["plan"]) == (
        None,
        False,
        "none",
    )


def test_a_roll_back_leaves_a_schedule_of_its_own_alone() -> None:
    own = {"start": "2026-10-24T00:00:00Z", "cron": "0 0 * * *"}
    entity = workflow(
        *(save(definition=one, schedule=own, schedule_active=True) for one in (DOCUMENT, OTHER))
    )

    entity.say(RollBack(version=1))

    assert (entity.view["schedule"]["cron"], entity.view["schedule_active"]) == ("0 0 * * *", True)


def test_what_is_promoted_with_a_time_among_its_triggers_is_scheduled_there_from_then_on() -> None:
    source = workflow(save(CRON))
    definition = msgspec.convert({**msgspec.to_builtins(source.state.definition)}, Definition)
    there = Entity(ACTOR, "w-staging", at=AT + timedelta(days=3))

    for number, generation in enumerate((0, 1)):
        deploy = {"origin": "w", "environment": "main", "definition": definition, "generation": generation}
        there.say(Deploy(promotion=f"p-{number}", **deploy))

    assert (there.view["schedule_active"], there.view["plan"]) == (True, "scheduled")
    assert there.view["schedule"]["start"] == "2026-10-23T00:00:01Z"
