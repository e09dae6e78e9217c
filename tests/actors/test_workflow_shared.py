from __future__ import annotations

from typing import Any

import pytest

from actors.actor import ById, ByName, Summary
from actors.workflow.workflow import ACTOR
from messages.base import Command
from messages.booking import Hold
from messages.copies import Drop, ProposeRefused, Put, Rule
from messages.envelope import Address
from messages.shared_workspace import Forget, JoinRefused
from messages.states import State
from messages.workflow import (
    Announce,
    Delete,
    ExecutionChanged,
    Fork,
    Join,
    Leave,
    Propose,
    Save,
)
from tests.actors.entity import AT, Entity
from tests.actors.forecast import (
    ALL,
    SCHEDULE,
    catalogue,
    save,
    scheduled,
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
    ours = {"join", "leave", "announce", "execution_changed", "workspace_taken", "deploy", "note_deployment"}
    assert ACTOR.internal == ACTOR.peers_may | ours


def test_a_copy_is_planned_by_nobody_but_the_owner() -> None:
    assert workflow(save("centre/hpc")).say(join()).told(Hold) == []
