"""Triggers as pure data: what may be saved, whose a route is, what a signature is of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from actors.actor import ById, Known, Order, Rejected, Summary, Turn
from actors.workflow import triggers
from actors.workflow.route import ACTOR as ROUTE
from actors.workflow.workflow import ACTOR as WORKFLOW
from messages.envelope import Address
from messages.route import Claim, Claimed, Release, Released
from messages.triggers import EventTrigger, HttpTrigger
from messages.workflow import Delete, Fork, Save

AT = datetime(2026, 10, 20, tzinfo=UTC)
DO = {
    "document": {"dsl": "1.0.3", "namespace": "test", "name": "one", "version": "1.0.0"},
    "do": [{"one": {"set": {"a": 1}}}],
}


def turn(kind: str = "workflow", id: str = "orders", known: dict[Any, Any] | None = None) -> Turn:
    return Turn(me=Address(kind, id), node="lab", message="m-1", at=AT, known=known or {})


def save(*written: dict[str, Any], **more: Any) -> Save:
    body = {"name": "Orders", "definition": DO, "triggers": list(written), **more}
    return msgspec.convert(body, Save)


def http(path: str = "/orders", **more: Any) -> dict[str, Any]:
    return {"type": "http", "id": "web", "method": "POST", "path": path, **more}


def route(path: str, method: str = "POST") -> str:
    return triggers.route_id(HttpTrigger(id="x", method=method, path=path))  # type: ignore[arg-type]  # as typed


def refusal(*written: dict[str, Any], **more: Any) -> Rejected:
    with pytest.raises(Rejected) as no:
        WORKFLOW.decide(WORKFLOW.initial, save(*written, **more), turn())
    return no.value


@pytest.mark.parametrize(
    "path",
    [
        *("orders", "//", "/orders/", "/a b", "/..", "/a/./b", "/{", "/{1}", "/{a}/{a}", "/a{b}", "/é"),
        *("/runs/x", "/runs", "/healthz", "/%2e", "/a?b", "/a\n", "/" + "a/" * 12 + "a"),
    ],
)
def test_a_path_that_cannot_be_is_refused_at_its_place(path: str) -> None:
    no = refusal(http("/fine"), http(path, id="second"))

    assert (no.code, no.at) == ("invalid_trigger", "/triggers/1/path")


@pytest.mark.parametrize("path", ["/", "/a", "/a/{b}/c", "/{a}/{b}", "/v1.0/~me/a_b-c"])
def test_a_path_may_have_words_and_parameters(path: str) -> None:
    assert WORKFLOW.decide(WORKFLOW.initial, save(http(path)), turn())


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [("method", "BREW", "method"), ("timeout", 61, "timeout"), ("colour", 1, "colour")],
)
def test_a_field_that_cannot_be_is_named(field: str, value: Any, at: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=at):
        save(http(**{field: value}))


def test_ids_are_unique_and_there_is_something_to_run() -> None:
    assert refusal(http(), {"type": "manual", "id": "web"}).at == "/triggers/1/id"
    assert refusal(http(), definition=None).code == "no_definition"
    assert refusal(http("/{a}"), http("/{b}", id="second")).code == "route_taken"


def test_more_than_fifty_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        save(*({"type": "manual", "id": f"t{number}"} for number in range(51)))


@pytest.mark.parametrize(
    ("status", "active", "is_taken"),
    [("active", True, True), ("active", False, False), ("inactive", True, False)],
)
def test_a_route_of_another_active_workflow_is_taken(status: str, active: bool, is_taken: bool) -> None:
    other = Known("other", Summary(status=status, parent="other"))
    command = save(http("/orders/{id}"), active=active)
    known = {ById("route", route("/orders/{order}")): other}

    assert set(known) < set(WORKFLOW.needs(command, turn()))
    if not is_taken:
        assert WORKFLOW.decide(WORKFLOW.initial, command, turn(known=known))
        return
    with pytest.raises(Rejected, match="route_taken: the workflow other has POST /orders/"):
        WORKFLOW.decide(WORKFLOW.initial, command, turn(known=known))


def said(state: Any, command: Any) -> tuple[Any, list[tuple[str, Any]]]:
    events = WORKFLOW.decide(state, command, turn())
    for event in events:
        state = WORKFLOW.evolve(state, event)
    effects = [effect for event in events for effect in WORKFLOW.react(state, event, turn())]
    orders = [effect for effect in effects if isinstance(effect, Order) and effect.to.kind == "route"]
    return state, [(one.to.id, one.command) for one in orders]


def test_routes_are_claimed_released_and_not_forked() -> None:
    state, first = said(WORKFLOW.initial, save(http("/a"), http("/b", id="second")))
    assert [(id, command.is_active) for id, command in first] == [(route("/a"), True), (route("/b"), True)]

    state, second = said(state, save(http("/a"), active=False))
    assert [(id, type(command)) for id, command in second] == [(route("/a"), Claim), (route("/b"), Release)]
    assert not second[0][1].is_active

    forked = WORKFLOW.decide(state, Fork(into="copy", name="Copy"), turn())
    (order,) = WORKFLOW.react(state, forked[0], turn())
    assert isinstance(order, Order)
    assert isinstance(order.command, Save)
    assert order.command.triggers == ()

    _, gone = said(state, Delete())
    assert gone == [(route("/a"), Release(workflow="orders", generation=3))]


def claim(workflow: str, generation: int = 1, is_active: bool = True) -> Claim:
    trigger = HttpTrigger(id="web", method="POST", path="/a")
    return Claim(workflow=workflow, generation=generation, trigger=trigger, is_active=is_active)


def claimed(*commands: Claim | Release) -> Any:
    state = ROUTE.initial
    for command in commands:
        for event in ROUTE.decide(state, command, turn("route", route("/a"))):
            state = ROUTE.evolve(state, event)
    return state


def test_a_route_again_changes_nothing() -> None:
    state = claimed(claim("one"))

    assert ROUTE.decide(state, claim("one"), turn()) == []
    assert ROUTE.decide(state, claim("one", 0, False), turn()) == []
    assert ROUTE.decide(state, Release(workflow="other", generation=9), turn()) == []
    assert ROUTE.decide(state, Release(workflow="one", generation=2), turn()) == [
        Released(workflow="one", generation=2)
    ]


def test_a_route_is_of_the_first_and_an_inactive_workflow_gives_way() -> None:
    with pytest.raises(Rejected, match="route_taken"):
        claimed(claim("one"), claim("two"))
    assert claimed(claim("one"), claim("two", is_active=False)).workflow == "one"
    assert claimed(claim("one", is_active=False), claim("two")).workflow == "two"
    assert claimed(claim("one"), Release(workflow="one", generation=2), claim("two")).workflow == "two"
    assert claimed(claim("one", 3), Release(workflow="one", generation=2)).trigger is not None


def test_a_route_shows_its_trigger() -> None:
    state = claimed(claim("one"))

    summary = ROUTE.summary(state)
    assert summary is not None
    assert (summary.status, summary.name, summary.parent) == ("active", "POST /a", "one")
    assert ROUTE.view(state)["trigger"] == "web"
    assert isinstance(ROUTE.decide(ROUTE.initial, claim("one"), turn())[0], Claimed)


@pytest.mark.parametrize(
    ("event", "does_fit"),
    [({"type": "a", "source": "b"}, True), ({"type": "a"}, False), ({"type": "b", "source": "b"}, False)],
)
def test_an_event_fits_when_it_has_all_that_is_named(event: dict[str, Any], does_fit: bool) -> None:
    trigger = EventTrigger(id="x", with_={"type": "a", "source": "b"})

    assert triggers.fits(trigger, event) is does_fit


@pytest.mark.parametrize(
    ("said_", "depth"), [({}, 0), ({"coveydepth": "3"}, 3), ({"coveydepth": "x"}, 16), ("text", 0)]
)
def test_the_depth_of_an_event_is_read(said_: Any, depth: int) -> None:
    assert triggers.depth(said_) == depth


def test_what_is_signed_is_id_instant_and_body() -> None:
    assert triggers.signed("msg_1", "17", b"{}") == b"msg_1.17.{}"
    assert triggers.signatures("v1,abc v2,def v1,ghi") == ["abc", "ghi"]
    now = str(int(AT.timestamp()))
    assert triggers.is_timely(now, AT + timedelta(minutes=4))
    assert not triggers.is_timely(now, AT + timedelta(minutes=6))
    assert not any(triggers.is_timely(text, AT) for text in ("", "-1", "1e9", "²", "9" * 20))


def test_who_is_authorised_is_not_told() -> None:
    kept = triggers.kept_headers({"Authorization": "x", "Cookie": "y", "Content-Type": "z", "CE-Type": "t"})

    assert kept == {"content-type": "z", "ce-type": "t"}


def test_a_body_is_json_or_text() -> None:
    assert triggers.body_of("application/json; charset=utf-8", b'{"a":1}') == {"a": 1}
    assert triggers.body_of("text/plain", b"a") == "a"
    assert triggers.body_of("application/json", b"") is None
    with pytest.raises(UnicodeDecodeError):
        triggers.body_of("text/plain", b"\xff")
