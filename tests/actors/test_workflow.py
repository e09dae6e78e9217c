from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.actor import ById, ByName, Summary
from actors.workflow import ACTOR
from messages.base import Command
from messages.booking import Hold, Release
from messages.copies import Drop, ProposeRefused, Put, Rule
from messages.envelope import Address
from messages.shared_workspace import Forget, JoinRefused
from messages.states import State
from messages.workflow import Announce, Delete, ExecutionChanged, Fork, Join, Leave, Propose, Save
from messages.workspace import Follow, Unfollow
from tests.actors.entity import AT, Entity
from tests.actors.forecast import (
    ALL,
    SCHEDULE,
    catalogue,
    removed,
    save,
    scheduled,
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


# Shared workspaces (flows 4 to 8).


def test_a_workflow_is_in_many_shared_workspaces() -> None:
    entity = workflow(plain())
    entity.say(join())
    entity.say(join(1, "floods", "observatory"))

    assert entity.view["shared"] == ["floods", "storms"]
    assert entity.summary is not None
    assert entity.summary.fields["shared"] == ["floods", "storms"]

    entity.say(leave())
    assert entity.view["shared"] == ["floods"]


def test_every_save_goes_to_every_peer_of_every_shared_workspace_but_not_to_us() -> None:
    entity = workflow(plain())
    entity.say(join(1, "storms", "centre", "lab"))
    entity.say(join(1, "floods", "observatory", "centre"))

    said = entity.say(plain("Outlook"))

    assert nodes(said.told(Put)) == ["centre", "observatory"]
    assert {put.body["name"] for _, put in said.orders(Put)} == {"Outlook"}


def test_deleting_drops_every_copy_and_is_told_to_the_shared_workspaces() -> None:
    entity = workflow(plain())
    entity.say(join())

    said = entity.say(Delete())

    assert nodes(said.told(Drop)) == ["centre"]
    assert said.orders(Forget) == [("shared_workspace.storms", Forget(kind="workflow", id="f"))]


def test_a_peer_keeps_its_copy_while_one_shared_workspace_gives_it() -> None:
    entity = workflow(plain())
    entity.say(join())
    entity.say(join(1, "floods", "centre"))

    assert nodes(entity.say(leave()).told(Drop)) == []
    assert nodes(entity.say(leave(2, "floods")).told(Drop)) == ["centre"]


@pytest.mark.parametrize("said", [(join(1), leave(2)), (leave(2), join(1))])
def test_the_latest_word_of_a_shared_workspace_counts(said: tuple[Command, ...]) -> None:
    entity = workflow(plain())
    for command in said:
        entity.say(command)

    assert entity.view["shared"] == []


def test_a_workflow_that_is_not_there_cannot_be_shared_and_the_asker_is_told() -> None:
    entity = workflow()

    entity.refuses(join(), "not_found")

    ((to, refused),) = entity.answered.orders(JoinRefused)
    assert (to, refused.kind, refused.id) == ("shared_workspace.storms", "workflow", "f")


def test_a_peer_that_asks_gets_its_copy_again_and_a_stranger_drops_it() -> None:
    entity = workflow(plain())
    entity.say(join())

    assert nodes(entity.say(Announce(peer="centre")).told(Put)) == ["centre"]
    assert nodes(entity.say(Announce(peer="observatory")).told(Drop)) == ["observatory"]
    assert ACTOR.copies(entity.state, "centre", "lab") == (1, 2)
    assert ACTOR.copies(entity.state, "observatory", "lab") is None


def test_what_the_plan_does_is_not_told_to_the_peers() -> None:
    entity = workflow(save())
    entity.say(join())

    said = entity.say(ExecutionChanged(execution="f-1", state=State.STARTED, start=AT))

    assert said.told(Put) == []


def propose(generation: int = 1, **body: Any) -> Propose:
    return Propose(generation=generation, body=body, reply_to=COPY)


def test_a_peer_that_may_write_changes_what_it_has_seen() -> None:
    entity = workflow(plain())
    entity.say(join(1, "storms", centre=("read", "write")))

    said = entity.by_peer("centre", propose(1, name="Outlook", schedule=SCHEDULE, schedule_active=True))

    assert said.names == ["saved", "planned", "scheduled"]
    assert scheduled(said) == ALL
    assert nodes(said.told(Put)) == ["centre"]


@pytest.mark.parametrize(
    ("generation", "body", "rights", "code"),
    [
        (1, {"name": "Outlook"}, ("read",), "not_granted"),
        (9, {"name": "Outlook"}, ("write",), "version_conflict"),
        (1, {"nonsense": 1}, ("write",), "invalid_message"),
        (1, {"name": "Outlook", "schedule_active": True}, ("write",), "invalid_schedule"),
    ],
)
def test_a_change_that_is_refused_is_told_to_the_copy(
    generation: int, body: dict[str, Any], rights: Any, code: str
) -> None:
    entity = workflow(plain())
    entity.say(join(1, "storms", centre=rights))

    entity.refuses(propose(generation, **body), code, "peer/centre")

    ((to, refused),) = entity.answered.orders(ProposeRefused)
    assert (to, refused.code, refused.generation) == ("centre/copy.lab-f-1", code, generation)
    assert refused.stored == (1 if code == "version_conflict" else None)


def test_a_fork_is_an_own_workflow_that_is_not_scheduled() -> None:
    entity = workflow(save("centre/hpc"))

    ((to, made),) = entity.say(Fork(into="g", name="Mine")).orders(Save)

    assert (to, made.name, made.schedule_active) == ("workflow.g", "Mine", False)
    assert made.graph == save("centre/hpc").graph


def test_a_fork_overwrites_nothing() -> None:
    taken = knowing({ById("workflow", "g"): Summary()})
    named = knowing({ByName("workflow", "Mine"): Summary()}, Mine="h")
    for entity in (taken, named):
        entity.say(plain())

    assert taken.refuses(Fork(into="g", name="Mine"), "already_exists").at == "/into"
    assert named.refuses(Fork(into="g", name="Mine"), "already_exists").at == "/name"


def test_a_peer_may_only_propose_and_answer() -> None:
    answers = {"held", "hold_refused", "confirmed", "expired", "aborted", "slots_cancelled"}

    assert ACTOR.peers_may == answers | {"propose"}
    assert ACTOR.internal == ACTOR.peers_may | {"join", "leave", "announce", "execution_changed"}


def test_a_copy_is_planned_by_nobody_but_the_owner() -> None:
    assert workflow(save("centre/hpc")).say(join()).told(Hold) == []
