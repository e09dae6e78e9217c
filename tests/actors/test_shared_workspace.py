from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.actor import ById, Known, Order, Rejected, Summary, Turn
from actors.sharing.shared_workspace import ACTOR, State
from messages import workflow, workspace
from messages.copies import Drop, Put, Rule, copy_id
from messages.envelope import Address
from messages.shared_workspace import (
    Announce,
    Announced,
    Command,
    Delete,
    Forget,
    Forgotten,
    JoinRefused,
    Refused,
    Save,
)

ME = Address("shared_workspace", "storms")
RULES = (Rule(peer="observatory", can=("read", "write")),)
SAVE = Save(
    name="Storm team", peers=("observatory",), workspaces=("ws",), workflows=("forecast",), rules=RULES
)
KNOWN = {
    ById("peer", "observatory"): Summary(status="partner"),
    ById("peer", "centre"): Summary(status="paused"),
    ById("peer", "rude"): Summary(status="blocked"),
    ById("workspace", "ws"): Summary(fields={"shared": ""}),
    ById("workspace", "mine"): Summary(fields={"shared": "storms"}),
    ById("workspace", "taken"): Summary(fields={"shared": "floods"}),
    ById("workflow", "forecast"): Summary(),
    ById("workflow", "hindcast"): Summary(),
}
TURN = Turn(
    me=ME,
    node="lab",
    message="m-1",
    at=datetime(2026, 1, 2, tzinfo=UTC),
    known={need: Known(need.id, summary) for need, summary in KNOWN.items()},
)


def do(*commands: Command) -> State:
    state = ACTOR.initial
    for command in commands:
        state = reduce(ACTOR.evolve, ACTOR.decide(state, command, TURN), state)
    return state


def orders(state: State, command: Command) -> Sequence[Any]:
    events = ACTOR.decide(state, command, TURN)
    after = reduce(ACTOR.evolve, events, state)
    return [effect for event in events for effect in ACTOR.react(after, event, TURN)]


def copy_at(peer: str) -> Address:
    return Address("copy", copy_id("lab", "shared_workspace", "storms"), peer)


def join(generation: int, *peers: str) -> dict[str, Any]:
    return {"shared_workspace": "storms", "generation": generation, "peers": peers, "rules": RULES}


def leave(generation: int) -> dict[str, Any]:
    return {"shared_workspace": "storms", "generation": generation}


DROP = Drop(owner="lab", kind="shared_workspace", id="storms", generation=2)


def test_saving_tells_those_in_it_and_gives_each_peer_a_copy() -> None:
    in_ws, in_forecast, put = orders(State(), SAVE)

    assert in_ws == Order(Address("workspace", "ws"), workspace.Join(**join(1, "observatory")))
    assert in_forecast == Order(Address("workflow", "forecast"), workflow.Join(**join(1, "observatory")))
    assert put.to == copy_at("observatory")
    assert isinstance(put.command, Put)
    assert (put.command.generation, put.command.can) == (1, ("read", "write"))
    assert put.command.body == msgspec.to_builtins(do(SAVE).content)


def test_another_name_is_told_to_the_peers_alone() -> None:
    (put,) = orders(do(SAVE), replace(SAVE, name="Storms"))

    assert put.to == copy_at("observatory")


def test_another_peer_is_told_to_all_that_is_in_it() -> None:
    done = orders(do(SAVE), replace(SAVE, peers=("observatory", "centre")))

    assert done[:2] == [
        Order(Address("workspace", "ws"), workspace.Join(**join(2, "observatory", "centre"))),
        Order(Address("workflow", "forecast"), workflow.Join(**join(2, "observatory", "centre"))),
    ]
    assert [order.to for order in done[2:]] == [copy_at("observatory"), copy_at("centre")]


def test_what_is_taken_out_leaves() -> None:
    leaves, put = orders(do(SAVE), replace(SAVE, workspaces=()))

    assert leaves == Order(Address("workspace", "ws"), workspace.Leave(**leave(2)))
    assert put.to == copy_at("observatory")


def test_a_peer_that_is_taken_out_loses_its_copy() -> None:
    done = orders(do(SAVE), replace(SAVE, peers=(), rules=()))

    assert done[-1] == Order(copy_at("observatory"), DROP)


def test_deleting_it_removes_every_copy() -> None:
    assert orders(do(SAVE), Delete()) == [
        Order(Address("workspace", "ws"), workspace.Leave(**leave(2))),
        Order(Address("workflow", "forecast"), workflow.Leave(**leave(2))),
        Order(copy_at("observatory"), DROP),
    ]


def test_we_are_no_peer_of_ourselves() -> None:
    ours = replace(SAVE, peers=("lab", "observatory"), rules=(*RULES, Rule(peer="lab", can=("read",))))

    assert do(ours) == do(SAVE)


REFUSED = [
    (replace(SAVE, peers=("observatory", "nobody")), "unknown_peer", "/peers/1"),
    (replace(SAVE, peers=("rude",)), "peer_blocked", "/peers/0"),
    (replace(SAVE, rules=(Rule(peer="centre", can=("read",)),)), "unknown_peer", "/rules/0"),
    (replace(SAVE, workspaces=("ws", "gone")), "not_found", "/workspaces/1"),
    (replace(SAVE, workspaces=("taken",)), "workspace_shared_elsewhere", "/workspaces/0"),
    (replace(SAVE, workflows=("gone",)), "not_found", "/workflows/0"),
    (Delete(), "not_found", ""),
]


@pytest.mark.parametrize(("command", "code", "at"), REFUSED)
def test_what_cannot_be_shared_is_refused(command: Command, code: str, at: str) -> None:
    with pytest.raises(Rejected) as caught:
        ACTOR.decide(State(), command, TURN)

    assert (caught.value.code, caught.value.at) == (code, at)


def test_a_workspace_that_is_in_it_already_is_not_elsewhere() -> None:
    assert do(replace(SAVE, workspaces=("mine",))).content is not None


def test_all_that_is_named_is_looked_up_but_we() -> None:
    needs = ACTOR.needs(replace(SAVE, peers=("lab", "observatory")), TURN)

    assert needs == [ById("peer", "observatory"), ById("workspace", "ws"), ById("workflow", "forecast")]


NO = JoinRefused(
    kind="workspace", id="ws", code="workspace_shared_elsewhere", detail="in floods", generation=1
)
GONE = Forget(kind="workflow", id="forecast")


def test_a_workspace_that_could_not_join_is_taken_out_and_the_reason_told() -> None:
    (event,) = ACTOR.decide(do(SAVE), NO, TURN)
    state = do(SAVE, NO)

    assert event == Refused(
        kind="workspace", id="ws", code="workspace_shared_elsewhere", detail="in floods", generation=2
    )
    assert state.content == replace(do(SAVE).content or SAVE, workspaces=())
    assert [order.to for order in orders(do(SAVE), NO)] == [copy_at("observatory")]


def test_a_late_refusal_of_an_earlier_join_counts_for_nothing() -> None:
    joined_again = do(SAVE, replace(SAVE, workspaces=()), SAVE)

    assert ACTOR.decide(joined_again, NO, TURN) == []


def test_a_refusal_counts_though_something_else_was_saved_in_between() -> None:
    assert [type(event) for event in ACTOR.decide(do(SAVE, replace(SAVE, name="Storms")), NO, TURN)] == [
        Refused
    ]


def test_a_deleted_workflow_is_forgotten() -> None:
    assert ACTOR.decide(do(SAVE), GONE, TURN) == [Forgotten(kind="workflow", id="forecast", generation=2)]
    assert [order.to for order in orders(do(SAVE), GONE)] == [copy_at("observatory")]


@pytest.mark.parametrize("command", [SAVE, Delete(), NO, GONE])
def test_a_command_heard_again_changes_nothing(command: Command) -> None:
    assert ACTOR.decide(do(SAVE, command), command, TURN) == []


def test_a_deleted_id_is_not_used_again() -> None:
    with pytest.raises(Rejected, match="deleted"):
        ACTOR.decide(do(SAVE, Delete()), SAVE, TURN)


def test_a_peer_that_missed_something_is_told_again() -> None:
    (put,) = orders(do(SAVE), Announce(peer="observatory"))
    (drop,) = orders(do(SAVE), Announce(peer="centre"))

    assert (type(put.command), type(drop.command)) == (Put, Drop)
    assert ACTOR.decide(do(SAVE), Announce(peer="centre"), TURN) == [Announced(peer="centre")]
    assert ACTOR.decide(State(), Announce(peer="centre"), TURN) == []


def test_a_deleted_one_stands_in_no_listing() -> None:
    assert ACTOR.view(do(SAVE)) is not None
    assert ACTOR.summary(do(SAVE, Delete())) is None
    assert ACTOR.view(do(SAVE, Delete())) is None


def test_the_state_survives_a_snapshot() -> None:
    state = do(SAVE)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State) == state
