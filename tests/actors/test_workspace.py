from __future__ import annotations

from typing import Any

import pytest

from actors.actor import ByName, Summary
from actors.sharing.workspace import ACTOR
from messages.base import Command
from messages.copies import Drop, ProposeRefused, Put, Rule
from messages.envelope import OPERATOR, Address
from messages.shared_workspace import Forget, JoinRefused
from messages.workflow import WorkspaceTaken
from messages.workspace import Announce, Delete, Follow, Join, Leave, Propose, Save, Unfollow
from tests.actors.entity import Entity

COPY = Address("copy", "lab-ws-1", "centre")


def workspace(*said: Command) -> Entity:
    entity = Entity(ACTOR, "ws")
    for command in said:
        entity.say(command)
    return entity


def save(**changes: Any) -> Save:
    return Save(**({"name": "Desk", "resources": {"data": ("grib",)}} | changes))


def follow(generation: int = 1, workflow: str = "w", name: str = "W_workspace") -> Follow:
    return Follow(workflow=workflow, generation=generation, name=name, resources={"data": ("grib",)})


def unfollow(generation: int = 2, workflow: str = "w") -> Unfollow:
    return Unfollow(workflow=workflow, generation=generation)


def join(generation: int = 1, shared: str = "storms", *peers: str, **can: Any) -> Join:
    rules = tuple(Rule(peer=peer, can=rights) for peer, rights in can.items())
    return Join(shared_workspace=shared, generation=generation, peers=peers or ("centre",), rules=rules)


def leave(generation: int = 2, shared: str = "storms") -> Leave:
    return Leave(shared_workspace=shared, generation=generation)


def propose(generation: int = 1, **body: Any) -> Propose:
    return Propose(generation=generation, body={"name": "Desk"} | body, reply_to=COPY)


def nodes(told: list[str]) -> list[str]:
    return [to.partition("/")[0] for to in told]


def test_a_person_saves_and_deletes_a_workspace() -> None:
    entity = workspace(save())
    assert (entity.view["name"], entity.view["contextual"], entity.view["shared"]) == ("Desk", False, "")

    entity.say(save(active=False))
    assert (entity.view["active"], entity.view["generation"]) == (False, 2)

    assert entity.say(Delete()).names == ["deleted"]
    assert (entity.view, entity.summary) == (None, None)
    entity.refuses(save(), "deleted")


def test_what_never_was_cannot_be_deleted() -> None:
    workspace().refuses(Delete(), "not_found")


def test_a_name_is_taken_once() -> None:
    entity = Entity(ACTOR, "ws", known={ByName("workspace", "Desk"): Summary()})

    assert entity.refuses(save(), "already_exists").at == "/name"


def test_the_workspace_of_a_workflow_is_active_and_has_its_name_and_resources() -> None:
    entity = workspace(follow())

    assert entity.view == {
        "name": "W_workspace",
        "resources": {"data": ("grib",)},
        "active": True,
        "labels": {},
        "contextual": True,
        "workflow": "w",
        "shared": "",
        "generation": 1,
    }
    assert entity.summary is not None
    assert (entity.summary.parent, entity.summary.fields["contextual"]) == ("w", True)


def test_the_workspace_of_a_workflow_is_renamed_with_it_and_ends_with_it() -> None:
    entity = workspace(follow(), follow(2, name="New_workspace"))
    assert entity.view["name"] == "New_workspace"

    entity.say(unfollow(3))

    assert entity.view is None


@pytest.mark.parametrize("command", [save(), Delete()])
def test_the_workspace_of_a_workflow_is_not_written_by_hand(command: Command) -> None:
    no = workspace(follow()).refuses(command, "not_owner")

    assert no.extra == {"workflow": "w"}


def test_a_workspace_that_a_person_made_can_become_that_of_a_workflow() -> None:
    entity = workspace(save(active=False, labels={"team": "a"}), follow())

    assert (entity.view["name"], entity.view["contextual"]) == ("W_workspace", True)
    assert entity.view["labels"] == {"team": "a"}


def test_the_workspace_of_a_workflow_is_active_whoever_made_it() -> None:
    assert workspace(save(active=False), follow()).view["active"]


def test_a_workspace_follows_one_workflow() -> None:
    entity = workspace(follow())

    entity.refuses(follow(workflow="other"), "not_owner")
    taken = WorkspaceTaken(workspace="ws")
    assert entity.answered.orders() == [("workflow.other", taken)]
    assert entity.say(unfollow(workflow="other")).names == []


@pytest.mark.parametrize(
    ("said", "is_there"),
    [
        ((follow(1), unfollow(2)), False),
        ((unfollow(2), follow(1)), False),
        ((save(), unfollow(2), follow(1)), False),
        ((follow(2, name="New"), follow(1)), True),
        ((follow(1), follow(2, name="New"), unfollow(1)), True),
    ],
)
def test_the_latest_word_of_the_workflow_counts(said: tuple[Command, ...], is_there: bool) -> None:
    entity = workspace(*said)

    assert (entity.view is not None) == is_there
    assert not is_there or entity.view["name"] == "New"


def test_a_workspace_is_in_one_shared_workspace() -> None:
    entity = workspace(save(), join())
    assert entity.view["shared"] == "storms"
    assert entity.summary is not None
    assert entity.summary.fields["shared"] == "storms"

    no = entity.refuses(join(1, "floods"), "workspace_shared_elsewhere")

    assert no.extra == {"shared": "storms"}
    told = ("shared_workspace.floods", "workspace", "ws", "workspace_shared_elsewhere", 1)
    (to, refused), *_ = entity.answered.orders(JoinRefused)
    assert (to, refused.kind, refused.id, refused.code, refused.generation) == told
    assert entity.view["shared"] == "storms"


def test_a_workspace_that_has_left_can_be_in_another() -> None:
    entity = workspace(save(), join(), leave(), join(1, "floods"))

    assert entity.view["shared"] == "floods"
    assert entity.say(join(2)).names == []  # what the first said before it was left


def test_what_never_was_cannot_be_shared_and_the_asker_is_told() -> None:
    entity = workspace()

    entity.refuses(join(), "not_found")

    assert entity.answered.told(JoinRefused) == ["shared_workspace.storms"]


def test_nobody_outside_can_have_a_shared_workspace_told_of_a_refusal() -> None:
    entity = workspace()

    entity.refuses(join(), "not_found", OPERATOR)

    assert entity.answered.orders() == []


def test_every_peer_of_the_shared_workspace_gets_a_copy_and_every_change() -> None:
    entity = workspace(save())

    assert nodes(entity.say(join(1, "storms", "centre", "lab", "observatory")).told(Put)) == [
        "centre",
        "observatory",
    ]
    (_, put), *_ = entity.say(save(name="Bench")).orders(Put)
    assert (put.generation, put.body["name"], put.can) == (2, "Bench", ("read",))


def test_a_contextual_workspace_is_shared_likewise() -> None:
    entity = workspace(follow(), join())

    assert nodes(entity.say(follow(2, name="New")).told(Put)) == ["centre"]
    assert nodes(entity.say(unfollow(3)).told(Drop)) == ["centre"]


def test_a_peer_that_is_removed_loses_its_copy_and_one_with_other_rights_is_told() -> None:
    entity = workspace(save(), join(1, "storms", "centre", "observatory"))

    said = entity.say(join(2, "storms", "observatory", observatory=("read", "write")))

    assert (nodes(said.told(Drop)), nodes(said.told(Put))) == (["centre"], ["observatory"])
    ((_, put),) = said.orders(Put)
    assert put.can == ("read", "write")


def test_leaving_drops_every_copy() -> None:
    assert nodes(workspace(save(), join()).say(leave()).told(Drop)) == ["centre"]


@pytest.mark.parametrize("said", [(join(1), leave(2)), (leave(2), join(1))])
def test_the_latest_word_of_the_shared_workspace_counts(said: tuple[Command, ...]) -> None:
    assert workspace(save(), *said).view["shared"] == ""


def test_deleting_drops_the_copies_and_is_told_to_the_shared_workspace() -> None:
    said = workspace(save(), join()).say(Delete())

    assert nodes(said.told(Drop)) == ["centre"]
    assert said.orders(Forget) == [("shared_workspace.storms", Forget(kind="workspace", id="ws"))]


def test_what_is_said_of_one_entity_is_ordered_by_generation_and_version() -> None:
    entity = workspace(save())
    said = [entity.say(command) for command in (join(), save(name="Bench"), join(2, centre=("write",)))]

    marks = [(put.generation, put.version) for one in said for _, put in one.orders(Put)]

    assert marks == sorted(set(marks))
    assert ACTOR.copies(entity.state, "centre", "lab") == marks[-1]
    (_, drop), *_ = entity.say(leave(3)).orders(Drop)
    assert (drop.generation, drop.version) == marks[-1]
    (_, put), *_ = entity.say(join(4)).orders(Put)
    assert (put.generation, put.version) > marks[-1]
    entity.say(leave(5))
    assert ACTOR.copies(entity.state, "centre", "lab") is None


def test_a_peer_that_asks_gets_its_copy_again_and_a_stranger_drops_it() -> None:
    entity = workspace(save(), join())

    assert nodes(entity.say(Announce(peer="centre")).told(Put)) == ["centre"]
    assert nodes(entity.say(Announce(peer="observatory")).told(Drop)) == ["observatory"]
    assert workspace().say(Announce(peer="centre")).names == []


def test_a_peer_that_may_write_changes_what_it_has_seen() -> None:
    entity = workspace(save(), join(1, "storms", centre=("write",)))

    said = entity.by_peer("centre", propose(1, name="Bench"))

    assert (said.names, entity.view["name"]) == (["saved"], "Bench")
    assert nodes(said.told(Put)) == ["centre"]


@pytest.mark.parametrize(
    ("generation", "body", "rights", "code"),
    [
        (1, {"name": "Bench"}, ("read",), "not_granted"),
        (7, {"name": "Bench"}, ("write",), "version_conflict"),
        (1, {"nonsense": 1}, ("write",), "invalid_message"),
    ],
)
def test_a_change_that_is_refused_is_told_to_the_copy(
    generation: int, body: dict[str, Any], rights: Any, code: str
) -> None:
    entity = workspace(save(), join(1, "storms", centre=rights))

    entity.refuses(propose(generation, **body), code, "peer/centre")

    ((to, refused),) = entity.answered.orders(ProposeRefused)
    assert (to, refused.code, refused.generation) == ("centre/copy.lab-ws-1", code, generation)
    assert refused.stored == (1 if code == "version_conflict" else None)


def test_a_peer_may_only_propose() -> None:
    assert ACTOR.peers_may == {"propose"}
    assert ACTOR.internal == {"propose", "follow", "unfollow", "join", "leave", "announce"}
