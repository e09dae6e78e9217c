from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.actor import ById, ByName, Summary
from actors.workflow.workflow import ACTOR
from messages.booking import Release
from messages.copies import Rule
from messages.envelope import Address
from messages.states import State
from messages.workflow import (
    Delete,
    ExecutionChanged,
    Fork,
    Join,
    Leave,
    Replan,
    Save,
    WorkspaceTaken,
)
from messages.workspace import Follow, Unfollow
from tests.actors.entity import AT, Entity
from tests.actors.forecast import (
    ALL,
    SCHEDULE,
    catalogue,
    removed,
    save,
    standing,
    workflow,
)

COPY = Address("copy", "lab-f-1", "centre")


def plain(name: str = "Forecast", **changes: Any) -> Save:
    return save(name=name, schedule_active=False, **changes)


def knowing(known: dict[Any, Summary], **names: str) -> Entity:
    return Entity(ACTOR, "f", known=catalogue() | known, names=names)


def join(generation: int = 1, shared: str = "storms", *peers: str, **can: Any) -> Join:
    rules = tuple(Rule(peer=peer, can=rights) for peer, rights in can.items())
    return Join(shared_workspace=shared, generation=generation, peers=peers or ("centre",), rules=rules)


def leave(generation: int = 2, shared: str = "storms") -> Leave:
    return Leave(shared_workspace=shared, generation=generation)


def nodes(told: list[str]) -> list[str]:
    return [to.partition("/")[0] for to in told]


# A workflow is its own workspace (flow 1).


def test_a_workflow_has_a_workspace_of_its_name_with_its_resources() -> None:
    entity = workflow()

    said = entity.say(plain(resources={"data": ["observatory/grib"]}))

    follow = Follow(
        workflow="f",
        generation=1,
        name="Forecast_workspace",
        resources={"data": ("observatory/grib",)},
    )
    assert said.orders(Follow) == [("workspace.f_ws", follow)]
    assert entity.view["workspace"] == "f_ws"


def test_renaming_a_workflow_renames_its_workspace() -> None:
    said = workflow(plain()).say(plain("Outlook"))

    ((to, follow),) = said.orders(Follow)
    assert (to, follow.name, follow.generation) == ("workspace.f_ws", "Outlook_workspace", 2)


def test_the_workspace_is_told_of_nothing_that_does_not_concern_it() -> None:
    assert workflow(plain()).say(plain(description="nightly")).orders(Follow) == []


@pytest.mark.parametrize("name", ["Forecast_worspace", "Forecast_workspace"])
def test_an_old_workspace_of_the_workflow_is_found_under_its_misspelt_name_too(name: str) -> None:
    entity = knowing({ByName("workspace", name): Summary()}, **{name: "old"})

    ((to, follow),) = entity.say(plain()).orders(Follow)

    assert (to, follow.name, entity.view["workspace"]) == ("workspace.old", "Forecast_workspace", "old")


def test_the_link_to_the_workspace_is_stored_by_id() -> None:
    entity = knowing({ByName("workspace", "Forecast_worspace"): Summary()}, Forecast_worspace="old")
    entity.say(plain())
    entity.known = catalogue() | {ByName("workspace", "Outlook_workspace"): Summary()}

    assert entity.say(plain("Outlook")).told(Follow) == ["workspace.old"]


def test_the_workspace_of_another_workflow_is_left_alone() -> None:
    taken = Summary(parent="other")
    entity = knowing({ByName("workspace", "Forecast_workspace"): taken, ById("workspace", "f_ws"): taken})

    entity.say(plain())

    assert entity.view["workspace"].startswith("f_ws_")


def test_a_long_id_has_a_workspace_with_an_id_that_fits() -> None:
    entity = Entity(ACTOR, "f" * 64)

    entity.say(plain())

    assert len(entity.view["workspace"]) <= 64


def test_a_workspace_that_another_workflow_took_meanwhile_is_replaced() -> None:
    entity = workflow(plain())

    assert entity.say(WorkspaceTaken(workspace="another")).names == []
    ((to, follow),) = entity.say(WorkspaceTaken(workspace="f_ws")).orders(Follow)

    assert to == f"workspace.{entity.view['workspace']}" != "workspace.f_ws"
    assert follow.name == "Forecast_workspace"


def test_deleting_a_workflow_deletes_its_workspace() -> None:
    said = workflow(plain()).say(Delete())

    assert said.orders(Unfollow) == [("workspace.f_ws", Unfollow(workflow="f", generation=2))]


# Saving and deleting.


def test_a_name_is_taken_once() -> None:
    entity = knowing({ByName("workflow", "Forecast"): Summary()}, Forecast="other")

    assert entity.refuses(plain(), "already_exists").at == "/name"


def test_a_workflow_keeps_its_own_name() -> None:
    entity = knowing({ByName("workflow", "Forecast"): Summary()}, Forecast="f")

    assert entity.say(plain()).names == ["saved"]


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"end": SCHEDULE["start"]}, "/schedule/end"),
        ({"cron": "61 * * * *"}, "/schedule/cron"),
        ({"cron": "* * *"}, "/schedule/cron"),
        ({"zone": "Mars/Olympus"}, "/schedule/zone"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_and_nothing_is_stored(changes: dict[str, str], at: str) -> None:
    entity = workflow()

    assert entity.refuses(save(schedule=changes), "invalid_schedule").at == at
    assert entity.refuses(plain(schedule=changes), "invalid_schedule").at == at
    assert entity.view is None


def test_an_active_schedule_must_be_there() -> None:
    active = Save(name="Forecast", schedule_active=True)

    assert workflow().refuses(active, "invalid_schedule").at == "/schedule"


def test_a_start_that_is_past_is_stored_inactive_and_the_outcome_says_so() -> None:
    entity = workflow()
    entity.at = AT + timedelta(days=5)

    said = entity.say(save())

    assert said.names == ["saved"]
    assert "start is past" in said.events[0].note
    assert (entity.view["schedule_active"], entity.view["plan"]) == (False, "none")


def test_a_schedule_that_runs_goes_on_when_another_field_is_saved() -> None:
    entity = workflow(save())
    entity.at = AT + timedelta(days=5)

    said = entity.say(save(description="nightly"))

    assert said.names == ["saved"]
    assert (entity.view["schedule_active"], entity.view["plan"]) == (True, "scheduled")


def test_a_graph_that_breaks_a_rule_is_refused_with_the_item() -> None:
    graph = {"items": {"model": {"resource": "wrf"}}}

    no = workflow().refuses(plain(graph=graph), "invalid_graph")

    assert (no.at, no.extra) == ("/graph/items/model", {"item": "model"})


@pytest.mark.parametrize("resource", ["unknown", "centre/unknown"])
def test_a_resource_must_be_in_the_catalogue(resource: str) -> None:
    graph = {"items": {"input": {"resource": resource}}}

    workflow().refuses(plain(graph=graph), "invalid_graph")


def test_what_only_a_peer_calls_a_resource_is_none() -> None:
    entity = workflow()
    entity.known = {need: Summary(fields={"type": "data"}, shown_as="workflow") for need in catalogue()}

    entity.refuses(save("centre/hpc"), "invalid_graph")


def test_a_graph_that_was_accepted_can_be_saved_after_a_peer_has_gone() -> None:
    entity = standing("centre/hpc")
    entity.known = {}

    said = entity.say(save("centre/hpc", schedule_active=False))

    assert said.told(Release) == ["centre/booking.hpc"]


def test_a_workflow_shows_the_saved_fields_and_what_belongs_to_it() -> None:
    view = workflow(plain(labels={"team": "a"}, metadata={"grid": 2})).view

    assert (view["name"], view["labels"], view["metadata"]) == ("Forecast", {"team": "a"}, {"grid": 2})
    assert view["schedule"]["zone"] == "Europe/Paris"
    assert (view["generation"], view["workspace"], view["plan"]) == (1, "f_ws", "none")
    assert (view["shared"], view["waiting"], view["refusals"]) == ([], [], ())


def test_a_deleted_id_is_never_used_again() -> None:
    entity = workflow(plain())
    entity.say(Delete())

    entity.refuses(plain(), "deleted")
    assert (entity.view, entity.summary) == (None, None)
    assert dict(ACTOR.alarms(entity.state)) == {}


def test_what_never_was_cannot_be_deleted_or_forked() -> None:
    workflow().refuses(Delete(), "not_found")
    workflow().refuses(Replan(), "not_found")
    workflow().refuses(Fork(into="g", name="Mine"), "not_found")


def test_what_runs_is_not_deleted() -> None:
    entity = workflow(save())
    run = f"f-{ALL[0]}"
    entity.say(ExecutionChanged(execution=run, state=State.STARTED, start=AT))

    assert entity.refuses(Delete(), "started").extra == {"executions": [run]}

    entity.say(ExecutionChanged(execution=run, state=State.SUCCESS, start=AT))
    assert "deleted" in entity.say(Delete()).names


def test_an_end_that_is_heard_of_before_the_start_is_the_end() -> None:
    entity = workflow(save())
    for state in (State.SUCCESS, State.STARTED):
        entity.say(ExecutionChanged(execution="f-1", state=state, start=AT))

    assert "deleted" in entity.say(Delete()).names


def test_deleting_removes_the_plan() -> None:
    said = standing("centre/hpc", "lab/local").say(Delete())

    assert said.told(Release) == ["centre/booking.hpc", "booking.local"]
    assert removed(said) == ALL
