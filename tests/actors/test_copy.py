from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.actor import ById, ByName, Known, Order, Rejected, Summary, Turn
from actors.peers.copy import ACTOR, Command, State
from messages import workflow
from messages.copies import Drop, Fork, Propose, ProposeRefused, Put, copy_id
from messages.copy_events import Forked, ProposalRefused, Proposed
from messages.envelope import Address

ME = Address("copy", copy_id("lab", "workflow", "forecast"))
BODY: dict[str, Any] = {
    "name": "Nightly forecast",
    "labels": {"team": "storm"},
    "resources": {"compute": ["centre/hpc"], "processing": ["wrf"], "data": ["observatory/grib"]},
    "graph": {"items": {"model": {"resource": "wrf"}, "cluster": {"resource": "centre/hpc"}}},
    "schedule": {"start": "2026-10-24T00:00:00"},
    "schedule_active": True,
    "generation": 3,
}
PUT = Put(
    owner="lab", kind="workflow", id="forecast", name="Nightly forecast", generation=3, version=5, body=BODY
)
WRITABLE = replace(PUT, can=("read", "write"), version=6)
DROP = Drop(owner="lab", kind="workflow", id="forecast", generation=3, version=7)
FORK = Fork(into="mine", name="My forecast")
PROPOSE = Propose(body={"name": "Better"})
REFUSE = ProposeRefused(generation=3, code="version_conflict", detail="it is 4", stored=4)


def turn(sender: str = "peer/lab", me: Address = ME, *known: tuple[Any, str]) -> Turn:
    found = {need: Known(id, Summary()) for need, id in known}
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return Turn(me=me, node="centre", message="m-1", at=at, sender=sender, known=found)


def do(*commands: Command) -> State:
    state = ACTOR.initial
    for command in commands:
        state = reduce(ACTOR.evolve, ACTOR.decide(state, command, turn()), state)
    return state


def orders(state: State, command: Command) -> Sequence[Any]:
    events = ACTOR.decide(state, command, turn())
    after = reduce(ACTOR.evolve, events, state)
    return [effect for event in events for effect in ACTOR.react(after, event, turn())]


def code(state: State, command: Command, turn: Turn) -> str:
    with pytest.raises(Rejected) as caught:
        ACTOR.decide(state, command, turn)
    return caught.value.code


def test_a_put_replaces_the_whole_copy_and_goes_no_further() -> None:
    newer = replace(PUT, generation=4, name="Other", body={"name": "Other"})

    state = do(PUT, newer)

    assert (state.name, state.body, state.generation) == ("Other", {"name": "Other"}, 4)
    assert orders(do(PUT), newer) == []


@pytest.mark.parametrize("command", [PUT, DROP, FORK, PROPOSE, REFUSE])
def test_a_command_heard_again_changes_nothing(command: Command) -> None:
    before = [WRITABLE, PROPOSE] if command == REFUSE else [WRITABLE]

    assert ACTOR.decide(do(*before, command), command, turn()) == []


@pytest.mark.parametrize("late", [replace(PUT, generation=2, version=9), replace(PUT, version=4)])
def test_what_is_late_changes_nothing(late: Put) -> None:
    assert ACTOR.decide(do(PUT), late, turn()) == []


def test_rights_change_without_the_content() -> None:
    assert do(PUT, WRITABLE).can == ("read", "write")


def test_after_a_drop_only_its_age_is_left_and_a_late_put_comes_to_nothing() -> None:
    state = do(DROP, PUT)

    assert (state.is_held, state.body, state.version) == (False, {}, 7)
    assert ACTOR.summary(state) is None
    assert ACTOR.view(state) is None


def test_what_is_shared_again_comes_back() -> None:
    assert do(PUT, DROP, replace(PUT, version=8)).is_held


STRANGERS = [
    (PUT, turn("peer/observatory"), "not_owner"),
    (DROP, turn("peer/observatory"), "not_owner"),
    (PUT, turn("actor"), "not_owner"),
    (REFUSE, turn("peer/observatory"), "not_owner"),
    (replace(PUT, kind="booking"), turn(), "not_granted"),
    (PUT, turn(me=Address("copy", "other")), "misaddressed"),
    (FORK, turn("operator", ME, (ById("workflow", "mine"), "mine")), "already_exists"),
    (FORK, turn("operator", ME, (ByName("workflow", "My forecast"), "w")), "already_exists"),
    (PROPOSE, turn("operator"), "not_granted"),
]


@pytest.mark.parametrize(("command", "said", "why"), STRANGERS)
def test_nobody_else_may_and_nothing_is_overwritten(command: Command, said: Turn, why: str) -> None:
    assert code(do(PUT), command, said) == why


@pytest.mark.parametrize("command", [FORK, PROPOSE])
def test_without_a_copy_there_is_nothing_to_do(command: Command) -> None:
    assert code(do(PUT, DROP), command, turn("operator")) == "not_found"


def test_only_a_workflow_is_forked() -> None:
    grib = replace(PUT, kind="resource", id="grib")
    me = Address("copy", copy_id("lab", "resource", "grib"))
    state = reduce(ACTOR.evolve, ACTOR.decide(State(), grib, turn(me=me)), State())

    assert code(state, FORK, turn("operator", me)) == "not_granted"


def test_a_fork_is_ours_asleep_and_names_resources_as_we_do() -> None:
    (order,) = orders(do(PUT), FORK)

    assert isinstance(order, Order)
    assert order.to == Address("workflow", "mine")
    save = order.command
    assert isinstance(save, workflow.Save)
    assert (save.name, save.schedule_active, save.schedule is not None) == ("My forecast", False, True)
    assert save.resources == {"compute": ("hpc",), "processing": ("lab/wrf",), "data": ("observatory/grib",)}
    assert save.graph is not None
    assert [item.resource for item in save.graph.items.values()] == ["lab/wrf", "hpc"]


def test_a_copy_that_we_cannot_read_is_not_forked() -> None:
    assert code(do(replace(PUT, body={"graph": 7})), FORK, turn("operator")) == "invalid_message"


def test_a_change_goes_to_the_owner_with_the_generation_that_we_saw() -> None:
    (order,) = orders(do(WRITABLE), PROPOSE)

    assert order == Order(
        Address("workflow", "forecast", "lab"),
        workflow.Propose(generation=3, body={"name": "Better"}, reply_to=replace(ME, node="centre")),
    )


def test_the_owner_says_no() -> None:
    state = do(WRITABLE, PROPOSE, REFUSE)

    assert state.proposal is not None
    assert (state.proposal.status, state.proposal.stored) == ("refused", 4)
    assert ACTOR.decide(do(WRITABLE, PROPOSE), REFUSE, turn()) == [
        ProposalRefused(generation=3, code="version_conflict", detail="it is 4", stored=4)
    ]


def test_the_owner_says_yes_by_its_new_state() -> None:
    assert do(WRITABLE, PROPOSE, replace(WRITABLE, generation=4)).proposal is None


def test_a_refused_change_may_be_proposed_once_more() -> None:
    again = ACTOR.decide(do(WRITABLE, PROPOSE, REFUSE), PROPOSE, turn("operator"))

    assert again == [Proposed(generation=3, body={"name": "Better"})]


def test_it_stands_in_the_listings_of_its_kind_under_its_owner() -> None:
    summary = ACTOR.summary(do(PUT))

    assert summary is not None
    assert (summary.shown_as, summary.shown_id, summary.owner) == ("workflow", "lab/forecast", "lab")
    assert summary.labels == {"team": "storm"}


def test_a_fork_is_remembered() -> None:
    assert ACTOR.evolve(do(PUT), Forked(into="mine", name="n")).forks == ("mine",)


def test_the_state_survives_a_snapshot() -> None:
    state = do(WRITABLE, PROPOSE, FORK)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State) == state


HISTORY: list[Command] = [
    replace(PUT, generation=1, version=1),
    replace(PUT, generation=2, version=2, body={"name": "b"}),
    replace(DROP, generation=2, version=3),
    replace(PUT, generation=2, version=4, can=("read", "write")),
    replace(PUT, generation=3, version=5, body={"name": "c"}),
    replace(DROP, generation=4, version=6),
]


@given(st.integers(1, len(HISTORY)), st.data())
def test_in_whatever_order_and_how_often_the_last_word_of_the_owner_holds(
    length: int, data: st.DataObject
) -> None:
    said = HISTORY[:length]
    arrivals = data.draw(st.permutations([*said, *said[: length // 2]]))

    assert do(*arrivals) == do(*said)
