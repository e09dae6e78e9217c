"""A promotion: which way is allowed, what has to be there, and what becomes of it."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.actor import NO_RIGHTS
from actors.definition.uses import Use, uses
from actors.environments import promoting
from actors.environments.promotion import ACTOR
from messages.promotion import Begin, Begun, Checked, Deployed, Facts, Failed, Look, RollBack
from messages.triggers import HttpTrigger
from messages.workflow import Definition, Deploy, NoteDeployment
from tests.actors.entity import AT, Entity
from tests.flow.driver import workflow
from tests.rights.made import grant, users

FOLLOWS: dict[str, tuple[str, ...]] = {
    "main": (),
    "dev": (),
    "staging": ("dev",),
    "prod": ("staging",),
    "island": (),
}
ALLOWED = {("dev", "staging"), ("staging", "prod")}
TEXT = """
    - one:
        if: ${ $vars.on }
        call: http
        with:
          method: get
          endpoint: connection://api/orders
          headers: {X-Key: "${ $secrets.key }"}
    - two: {call: database, with: {connection: shop, action: query, query: SELECT 1}}
    - three: {set: {name: "${ $vars[.name] }"}}
    - four: {run: {workflow: {namespace: a, name: child, version: "1"}}}
"""
DEFINITION = Definition(
    name="Orders",
    environment="dev",
    definition=workflow(TEXT),
    triggers=(HttpTrigger(id="web", method="POST", path="/orders", secret="hook"),),
)
BEGIN = Begin(
    workflow="orders",
    origin="orders",
    workflow_version=3,
    environment="dev",
    to="staging",
    into="orders-staging",
    definition=DEFINITION,
    by="operator",
)
FACTS = Facts(
    follows=FOLLOWS,
    variables={"on": True},
    secrets={"key": True, "hook": True},
    connections={"api": "http", "shop": "database"},
    children={"child": True},
)


def begun(**more: Any) -> Begun:
    fields = {name: getattr(BEGIN, name) for name in BEGIN.__struct_fields__}
    return Begun(**{**fields, "at": AT, **more})


@pytest.mark.parametrize(("source", "target"), [*product(FOLLOWS, FOLLOWS), ("dev", "nowhere")])
def test_the_whole_policy(source: str, target: str) -> None:
    check = promoting.policy(source, target, FOLLOWS)

    assert check.is_met == ((source, target) in ALLOWED)
    assert (check.at, bool(check.detail)) == (("", False) if check.is_met else ("/to", True))


def test_a_shortcut_is_refused_with_the_way_that_is_allowed() -> None:
    assert promoting.policy("dev", "prod", FOLLOWS).detail.endswith("the way is dev → staging → prod")
    assert "covey environment policy dev --follows prod" in promoting.policy("prod", "dev", FOLLOWS).detail


@given(st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"), max_size=3).map(tuple)))
def test_a_way_that_is_told_can_be_gone(follows: dict[str, tuple[str, ...]]) -> None:
    for source, target in product(follows, follows):
        found = promoting.way(source, target, follows)
        assert all(before in follows[after] for before, after in pairwise(found))
        assert not found or (found[0], found[-1]) == (source, target)


def test_what_a_workflow_uses_is_found_in_all_places() -> None:
    found = uses(DEFINITION)

    assert Use("secret", "hook", "/triggers/0/secret") in found
    assert Use("variable", "on", "/definition/do/0/one/if") in found
    assert Use("secret", "key", "/definition/do/0/one/with/headers/X-Key") in found
    assert Use("connection", "api", "/definition/do/0/one/with/endpoint", "http") in found
    assert Use("connection", "shop", "/definition/do/1/two/with/connection", "database") in found
    assert Use("variable", "", "/definition/do/2/three/set/name") in found
    assert Use("workflow", "child", "/definition/do/3/four/run/workflow/name") in found
    assert len(found) == 7


WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"variables": {}}, "variable", "on", "covey variable set on --environment staging"),
    ({"variables": {"on": False}}, "variable", "on", "has no value"),
    ({"secrets": {"key": True}}, "secret", "hook", "covey secret set hook --environment staging"),
    ({"secrets": {"key": False, "hook": True}}, "secret", "key", "has no value"),
    ({"connections": {"shop": "database"}}, "connection", "api", "covey connection set api"),
    ({"connections": {"api": "http", "shop": "smtp"}}, "connection", "shop", "is one of smtp"),
    ({"silent": {"shop": "refused"}}, "connection", "shop", "does not answer: refused"),
    ({"children": {"child": False}}, "workflow", "child", "promote it first"),
    ({"follows": {**FOLLOWS, "staging": ()}}, "policy", "dev → staging", "staging follows nothing"),
]


@pytest.mark.parametrize(("changed", "what", "name", "said"), WRONG, ids=lambda one: str(one)[:40])
def test_each_thing_that_is_missing_is_a_check_that_is_not_met(
    changed: dict[str, Any], what: str, name: str, said: str
) -> None:
    facts = Facts(**{field: getattr(FACTS, field) for field in FACTS.__struct_fields__} | changed)

    failed = [check for check in promoting.checks(begun(), facts, NO_RIGHTS) if not check.is_met]

    assert [(check.what, check.name) for check in failed] == [(what, name)]
    assert said in failed[0].detail
    assert failed[0].at.startswith("/")


def test_all_that_is_missing_is_told_together() -> None:
    promotion = Entity(ACTOR, "p-1")
    assert promotion.say(BEGIN).tasks == [
        Look(
            promotion="p-1",
            workflow="orders",
            to="staging",
            into="orders-staging",
            definition=DEFINITION,
        )
    ]

    said = promotion.say(Checked(facts=Facts(follows={**FOLLOWS, "staging": ()})))

    assert said.effects == ()
    assert promotion.view["status"] == "refused"
    assert len([check for check in promotion.view["checks"] if not check["is_met"]]) == 7
    promotion.refuses(RollBack(), "state_conflict")


def deployed(**facts: Any) -> Entity:
    promotion = Entity(ACTOR, "p-1")
    promotion.say(BEGIN)
    seen = {field: getattr(FACTS, field) for field in FACTS.__struct_fields__} | facts
    said = promotion.say(Checked(facts=Facts(**seen)))
    ((to, deploy),) = said.orders(Deploy)
    assert (to, deploy.generation) == ("workflow.orders-staging", seen["generation"])
    assert promotion.say(Deployed(generation=8, workflow_version=2)).orders() == [
        ("workflow.orders", NoteDeployment(environment="staging", workflow="orders-staging"))
    ]
    return promotion


def test_what_is_all_right_is_deployed_and_may_be_rolled_back() -> None:
    before = Definition(name="Orders", environment="staging", description="old")
    promotion = deployed(target=before, generation=7)
    assert promotion.view["status"] == "deployed"
    assert "/description" in [change["at"] for change in promotion.view["changes"]]

    ((_, back),) = promotion.say(RollBack()).orders(Deploy)
    assert (back.definition, back.generation) == (before, 8)
    assert promotion.say(Deployed(generation=9, workflow_version=3)).orders() == []

    assert promotion.view["status"] == "rolled_back"


def test_what_was_changed_since_is_not_rolled_back() -> None:
    promotion = deployed(target=Definition(name="Orders"), generation=7)

    promotion.say(RollBack())
    promotion.say(Failed(code="changed_since", detail="look at it"))

    assert (promotion.view["status"], promotion.view["code"]) == ("deployed", "changed_since")


def test_there_is_nothing_to_go_back_to_from_the_first() -> None:
    no = deployed().refuses(RollBack(), "first_version")

    assert "--no-active" in no.detail


def test_what_cannot_be_saved_there_is_refused() -> None:
    promotion = Entity(ACTOR, "p-1")
    promotion.say(BEGIN)
    promotion.say(Checked(facts=FACTS))

    promotion.say(Failed(code="route_taken", detail="the workflow x has it"))

    assert (promotion.view["status"], promotion.view["code"]) == ("refused", "route_taken")


def test_a_plan_changes_nothing() -> None:
    promotion = Entity(ACTOR, "p-1")
    promotion.say(begin_of_plan())

    assert promotion.say(Checked(facts=FACTS)).effects == ()
    assert (promotion.view["status"], promotion.view["is_new"]) == ("planned", True)


def begin_of_plan() -> Begin:
    fields = {name: getattr(BEGIN, name) for name in BEGIN.__struct_fields__}
    return Begin(**{**fields, "is_plan": True})


RIGHTS = users("ann", "bob", "carl", "dora")
for to, place in (
    ("ann", "lab"),
    ("bob", "lab.environment.staging"),
    ("carl", "lab.environment.dev"),
    ("dora", "lab.workflow.orders-staging"),
):
    RIGHTS = grant(RIGHTS, f"user/{to}", place, "promote")


@pytest.mark.parametrize(
    ("by", "may"),
    [
        *(("operator", True), ("user/ann", True), ("user/bob", True), ("user/dora", True)),
        *(("user/carl", False), ("user/nobody", False), ("peer/far", False)),
    ],
)
def test_who_promotes_needs_a_right_in_the_target(by: str, may: bool) -> None:
    check = promoting.right(RIGHTS, by, begun(by=by))

    assert check.is_met == may
    assert may or "lab.environment.staging promote" in check.detail
