"""An environment: what may be set, what is refused and never repeated, and how it is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from actors.actor import ById, Order, Summary
from actors.environments.belongings import BYTES_MAX, ENTRIES_MAX
from actors.environments.environment import ACTOR
from messages.envelope import Address
from messages.environment import (
    Connection,
    Create,
    Delete,
    Emptied,
    Empty,
    Fill,
    Lend,
    RemoveConnection,
    RemoveSecret,
    RemoveVariable,
    Rename,
    SetConnection,
    SetPolicy,
    SetSecret,
    SetVariable,
)
from tests.actors.entity import Entity

SEALED = "sealed:v1:0123abcd:" + "A" * 90 + "=="
THERE = {ById("environment", name): Summary(status="active") for name in ("dev", "staging")}


def made(id: str = "prod", **more: Any) -> Entity:
    environment = Entity(ACTOR, id, known=THERE)
    environment.say(Create(label="Production", **more))
    return environment


def test_it_has_what_is_set_and_not_what_was_removed() -> None:
    prod = made(follows=("staging",))
    for command in (
        SetVariable(name="region", value={"a": [1]}),
        SetVariable(name="limit"),
        SetSecret(name="pw", sealed=SEALED),
        SetSecret(name="other"),
        SetConnection(name="shop", kind="database", url="postgresql://ann:{pw}@db/shop"),
        Rename(label="Live"),
        SetPolicy(follows=("dev", "staging")),
    ):
        assert len(prod.say(command).events) == 1, command

    view = prod.view
    assert view["variables"] == {"region": {"a": [1]}, "limit": None}
    assert view["secrets"] == {"pw": True, "other": False}
    assert SEALED not in str(view)
    assert (view["label"], view["follows"]) == ("Live", ["dev", "staging"])
    prod.refuses(RemoveSecret(name="pw"), "in_use")
    for gone in (RemoveVariable(name="limit"), RemoveConnection(name="shop"), RemoveSecret(name="pw")):
        assert len(prod.say(gone).events) == 1, gone
    assert (prod.view["secrets"], prod.view["connections"]) == ({"other": False}, {})


@pytest.mark.parametrize("value", [(1, True), (1, 1.0), (0, False), (None, "null"), ([], {})])
def test_values_of_other_kinds_are_others(value: tuple[Any, Any]) -> None:
    prod = made()
    prod.say(SetVariable(name="a", value=value[0]))

    assert len(prod.say(SetVariable(name="a", value=value[1])).events) == 1


@pytest.mark.parametrize(
    "clear", ["", "hunter2-planted", "sealed:v1:", "sealed:v1:0123abcd:short", f" {SEALED}"]
)
def test_a_secret_in_clear_is_refused_and_not_repeated(clear: str) -> None:
    no = made().refuses(SetSecret(name="pw", sealed=clear), "not_sealed")

    assert (no.at, "covey secret set" in no.detail, "planted" in str(no)) == ("/sealed", True, False)


@pytest.mark.parametrize(
    ("kind", "url", "code"),
    [
        ("database", "postgresql://ann:pw@db/x", "not_sealed"),
        ("database", "postgresql://ann:{nothing}@db/x", "unknown_secret"),
        ("database", "http://db/x", "invalid_connection"),
        ("smtp", "sqlite:///x.db", "invalid_connection"),
        ("smtp", "smtp://post:99999", "invalid_connection"),
        ("slack", "https://hooks.slack.com/services/T/B/X", "not_sealed"),
        ("http", "ftp://files", "invalid_connection"),
        ("http", "https://ann:pw@host", "not_sealed"),
    ],
)
def test_a_connection_that_cannot_be_is_refused(kind: Any, url: str, code: str) -> None:
    assert made().refuses(SetConnection(name="c", kind=kind, url=url), code).at == "/url"


def test_the_main_one_is_there_before_anybody_has_made_it_and_stays() -> None:
    main = Entity(ACTOR, "main")

    main.say(SetVariable(name="a", value=1))
    assert main.view["variables"] == {"a": 1}
    main.refuses(Delete(confirm="main"), "main_stays")
    Entity(ACTOR, "other").refuses(SetVariable(name="a", value=1), "not_found")


@pytest.mark.parametrize(
    ("command", "code", "at"),
    [
        (Create(source="nowhere"), "no_environment", "/from"),
        (Create(follows=("dev", "nowhere")), "no_environment", "/follows/1"),
        (Create(follows=("prod",)), "invalid_policy", "/follows/0"),
    ],
)
def test_what_does_not_exist_is_no_source_and_is_not_followed(command: Create, code: str, at: str) -> None:
    assert Entity(ACTOR, "prod", known=THERE).refuses(command, code).at == at


def test_a_name_that_the_listener_has_itself_is_refused() -> None:
    Entity(ACTOR, "runs").refuses(Create(), "invalid_name")


def test_another_one_is_filled_with_all_but_the_values_of_secrets() -> None:
    said = made(source="dev")
    turn = said.turn(Lend(to="x"), "actor")
    assert ACTOR.react(said.state, said.state.created, turn) == [
        Order(Address("environment", "dev"), Lend(to="prod"))
    ]
    dev = made("dev")
    dev.say(SetSecret(name="pw", sealed=SEALED))
    dev.say(SetVariable(name="a", value=1))
    (order,) = ACTOR.passes(dev.state, Lend(to="prod"), dev.turn(Lend(to="prod"), "actor"))
    assert isinstance(order, Order)
    assert order.command == Fill(variables={"a": 1}, secrets=("pw",), connections={})
    said.say(SetVariable(name="a", value=2))

    said.say(Fill(variables={"a": 1, "b": 3}, secrets=("pw",), connections={"c": _connection()}))

    assert (said.view["variables"], said.view["secrets"]) == ({"a": 2, "b": 3}, {"pw": False})


def _connection() -> Connection:
    return Connection(kind="http", url="https://example.org")


def test_it_is_deleted_once_its_workflows_are() -> None:
    prod = made()
    for confirm in (None, "dev"):
        assert prod.refuses(Delete(confirm=confirm), "not_confirmed").at == "/confirm"

    assert prod.say(Delete(confirm="prod")).tasks == [Empty(environment="prod")]
    assert prod.summary is not None
    assert prod.summary.status == "deleting"
    prod.say(Emptied(kept={"storm": "e-1 of it runs"}))
    assert (prod.view["status"], prod.view["kept"]) == ("active", {"storm": "e-1 of it runs"})
    prod.say(Delete(confirm="prod"))
    prod.say(Emptied())
    assert prod.view is None
    assert prod.say(Create()).names == ["created"]
    assert prod.view["variables"] == {}


def test_there_is_a_bound_on_how_much_it_has() -> None:
    prod = made()
    for number in range(ENTRIES_MAX):
        prod.state = ACTOR.evolve(
            prod.state, ACTOR.decide(prod.state, SetVariable(name=f"v{number}"), prod.turn(Create(), ""))[0]
        )
    prod.refuses(SetVariable(name="more"), "too_many")
    prod.refuses(SetVariable(name="v0", value="a" * 20_000), "too_large")
    for number in range(BYTES_MAX // 16_000):
        prod.say(SetVariable(name=f"v{number}", value="a" * 15_900))
    prod.refuses(SetVariable(name="v50", value="a" * 15_000), "too_large")
