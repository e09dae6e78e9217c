"""Triggers that name a group, at a real node: requests and events that users sign."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bus.keys import Key
from bus.publisher import Outbound
from bus.signing import signed
from messages import subjects
from node.cloudevents import STRUCTURED
from node.proof import SIGNED_SECONDS
from tests.node.serving import Served, document, post, serving
from tests.nodes import Operator, one_node
from tests.rights.people import Person, enrolled, give

BODY = b'{"order":17}'
ECHO = [{"all": {"set": {"said": "${ .body }"}}}]
HEARS = [{"all": {"set": {"type": "${ .type }"}}}]


@dataclass
class Crew:
    """A node with a workflow that the crew may begin: bob is in it, eve is not, ann is an admin."""

    served: Served
    people: dict[str, Person]

    @property
    def node(self) -> Operator:
        return self.served.node

    async def ask(self, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any, Any]:
        return await self.served.ask("POST", target, data=body, headers=headers)

    async def request(
        self, who: str, target: str = "/orders", body: bytes = BODY, id: str = "", **changed: str
    ) -> tuple[int, Any, Any]:
        """Send what somebody has signed; headers may be ``changed`` after that."""
        return await self.ask(target, body, self.proof(who, target, body, id) | changed)

    def proof(
        self, who: str, target: str = "/orders", body: bytes = BODY, id: str = "", **more: Any
    ) -> dict[str, str]:
        subject = subjects.request(more.pop("node", "lab"), more.pop("method", "POST"), target)
        told = {subjects.MESSAGE_ID: id or uuid.uuid4().hex}
        json_ = {"Content-Type": "application/json"}
        return signed(self.people[who].key, subject, told, body, more.get("at")) | json_

    async def runs(self) -> list[Any]:
        return await self.node.items("run", workflow="orders")


async def people(node: Operator, directory: Path) -> dict[str, Person]:
    found = {name: await enrolled(node, directory, name) for name in ("bob", "kim", "eve", "ann")}
    await give(node, "user/ann", "lab", "admin")
    await give(node, "user/eve", "lab.workflow.orders", "launch", "read")
    await node.done("group", "crew", "save", members=["user/bob", "user/kim"])
    return found


@pytest_asyncio.fixture
async def crew(tmp_path: Path) -> AsyncIterator[Crew]:
    async with serving(tmp_path / "lab") as served:
        await served.node.done("group", "crew", "save")
        await served.save("orders", post("/orders", access="crew"), do=ECHO)
        yield Crew(served, await people(served.node, tmp_path))


def problem(answer: tuple[int, Any, Any]) -> tuple[int, str]:
    status, body, headers = answer
    assert headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert ("WWW-Authenticate" in headers) == (status == 401)
    return status, body["type"]


async def test_a_request_that_a_member_or_an_admin_has_signed_begins_a_run(crew: Crew) -> None:
    for who in ("bob", "ann"):
        status, body, headers = await crew.request(who)

        assert (status, body) == (200, {"said": {"order": 17}})
        run = await crew.node.ask("run", "get", headers["Location"].removeprefix("/runs/"))
        assert (run["trigger"], run["by"]) == ("http", f"user/{who}")


async def test_who_is_no_member_is_refused_whatever_else_he_may(crew: Crew) -> None:
    assert problem(await crew.request("eve")) == (403, "not_granted")
    assert await crew.runs() == []


async def test_without_a_proof_nothing_begins(crew: Crew, tmp_path: Path) -> None:
    stranger = Person(crew.node, (await enrolled(crew.node, tmp_path, "gone")).key)
    await crew.node.done("user", "gone", "delete")
    crew.people["gone"] = stranger

    assert problem(await crew.ask("/orders", BODY, {})) == (401, "not_signed")
    assert problem(await crew.request("gone")) == (401, "unknown_signer")
    assert await crew.runs() == []


async def test_who_is_switched_off_is_refused(crew: Crew) -> None:
    public = crew.people["bob"].key.public
    await crew.node.done("user", "bob", "save", public_key=public, active=False)

    assert problem(await crew.request("bob")) == (403, "inactive_user")


@pytest.mark.parametrize(
    "changed",
    [
        {subjects.SIGNATURE: "A" * 86},
        {subjects.SIGNATURE: ""},
        {subjects.SIGNATURE: "é"},
        {subjects.MESSAGE_ID: "another"},
        {subjects.MESSAGE_ID: ""},
        {subjects.MESSAGE_ID: "é"},
        {subjects.SIGNED_AT: "2026-11-28T12:00:00Z"},
        {subjects.SIGNED_AT: "é"},
        {subjects.EXPECT: "3"},
        {subjects.SIGNER: "U" + "A" * 55},
    ],
    ids=str,
)
async def test_no_header_of_the_proof_can_be_changed(crew: Crew, changed: dict[str, str]) -> None:
    assert problem(await crew.request("bob", **changed)) == (401, "bad_signature")


async def test_a_proof_is_of_one_request_to_one_node_and_not_for_long(crew: Crew) -> None:
    await crew.served.save(
        "others", post("/others", access="crew"), post("/orders/{a}", access="crew"), do=ECHO
    )
    good, far = crew.proof("bob"), timedelta(seconds=2 * SIGNED_SECONDS)
    command = subjects.call("lab", "workflow", "orders", "launch")
    as_command = signed(crew.people["bob"].key, command, {subjects.MESSAGE_ID: "m"}, BODY)

    for target, body, headers in (
        ("/others", BODY, good),
        ("/orders?x=1", BODY, good),
        ("/orders/2", BODY, crew.proof("bob", "/orders/1")),
        ("/orders", BODY + b" ", good),
        ("/orders", b"", good),
        ("/orders", BODY, crew.proof("bob", node="centre")),
        ("/orders", BODY, crew.proof("bob", method="PUT")),
        ("/orders", BODY, as_command),
    ):
        answer = await crew.ask(target, body, headers)
        assert problem(answer) == (401, "bad_signature"), target
    for at in (datetime.now(UTC) - far, datetime.now(UTC) + far):
        answer = await crew.ask("/orders", BODY, crew.proof("bob", at=at))
        assert problem(answer) == (401, "too_old")
    said = await crew.people["bob"].raw(command, BODY, crew.proof("bob"))
    assert said["code"] == "bad_signature"
    assert await crew.node.items("run") == []


async def test_a_query_is_signed_with_the_path(crew: Crew) -> None:
    status, _, headers = await crew.request("bob", "/orders?x=1&y=%20")

    run = await crew.node.ask("run", "get", headers["Location"].removeprefix("/runs/"))
    assert (status, run["input"]["query"]) == (200, {"x": "1", "y": " "})


async def test_a_request_that_is_sent_again_takes_effect_once(crew: Crew) -> None:
    headers = crew.proof("bob", id="r-1")
    ask = [crew.ask("/orders", BODY, headers) for _ in range(10)]

    answers = await asyncio.gather(*ask)
    other_key = await crew.ask("/orders", BODY, headers | {"Idempotency-Key": "k", "webhook-id": "w"})
    blank = await crew.ask("/orders", BODY, headers | {subjects.MESSAGE_ID: "r-1\u2003"})

    assert {status for status, _, _ in (*answers, other_key, blank)} == {200}
    assert len(await crew.runs()) == 1
    assert problem(await crew.request("bob", body=b'{"order":18}', id="r-1")) == (422, "key_reused")
    assert (await crew.request("kim", id="r-1"))[0] == 200
    assert len(await crew.runs()) == 2


async def test_who_is_let_go_is_not_told_again_what_he_was_told(crew: Crew) -> None:
    headers = crew.proof("bob")
    assert (await crew.ask("/orders", BODY, headers))[0] == 200

    await crew.node.done("group", "crew", "save", members=["user/kim"])

    assert problem(await crew.ask("/orders", BODY, headers)) == (403, "not_granted")
    assert (await crew.request("kim"))[0] == 200


async def test_when_the_group_is_deleted_nobody_may_until_another_is_named(crew: Crew) -> None:
    await crew.node.done("group", "crew", "delete")

    for who in ("bob", "eve", "ann"):
        assert problem(await crew.request(who)) == (403, "not_granted")
    assert problem(await crew.ask("/orders", BODY, {})) == (401, "not_signed")
    outcome = await crew.node.call("workflow", "orders", "launch", trigger="t0")
    assert (outcome["code"], "is no more" in outcome["detail"]) == ("not_granted", True)
    assert await crew.runs() == []

    await crew.node.done("group", "night", "save", members=["user/bob"])
    await crew.served.save("orders", post("/orders", access="night"), do=ECHO)
    assert (await crew.request("bob"))[0] == 200


async def test_a_secret_and_a_user_are_both_asked_for(crew: Crew) -> None:
    await crew.served.save("orders", post("/orders", access="crew", secret="hook"), do=ECHO)

    assert problem(await crew.request("bob"))[0] == 503
    assert await crew.runs() == []


async def test_it_stands_after_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path / "lab") as served:
        known = await people(served.node, tmp_path)
        await served.save("orders", post("/orders", access="crew"), do=ECHO)
    async with serving(tmp_path / "lab") as served:
        crew = Crew(served, known)
        assert (await crew.request("bob"))[0] == 200
        assert problem(await crew.request("eve")) == (403, "not_granted")
        assert problem(await crew.ask("/orders", BODY, {})) == (401, "not_signed")


async def test_by_hand_only_a_member_fires_it(crew: Crew) -> None:
    node = crew.node
    cron = {"type": "cron", "id": "nightly", "cron": "30 2 * * *", "access": "crew"}
    desk = {"type": "manual", "id": "desk", "access": "crew"}
    await node.done(
        "workflow", "orders", "save", name="orders", definition=document(ECHO), triggers=[cron, desk]
    )
    await give(node, "group/crew", "lab.workflow.orders", "launch", "backfill", "start")
    await give(node, "user/eve", "lab.workflow.orders", "backfill", "start")
    bob, eve = crew.people["bob"], crew.people["eve"]
    day = {"from": "2040-01-01T00:00:00Z", "to": "2040-01-02T00:00:00Z"}

    for verb, said in (
        *(("launch", {"trigger": name}) for name in ("desk", "nightly", "manual")),
        *(("launch", {}), ("backfill", day)),
    ):
        assert (await eve.call("workflow", "orders", verb, **said))["code"] == "not_granted", said
        assert (await bob.call("workflow", "orders", verb, **said))["status"] == "done", said
    planned = await node.becomes(lambda: node.items("execution", status="scheduled"), len)
    assert (await eve.call("execution", planned[0]["id"], "start"))["code"] == "not_granted"
    assert (await bob.call("execution", planned[0]["id"], "start"))["status"] == "done"
    outcome = await bob.call("workflow", "orders", "launch", trigger="http")
    assert (outcome["code"], outcome["at"]) == ("unknown_trigger", "/trigger")


async def hears(node: Operator, access: str | None) -> None:
    trigger = {"type": "event", "id": "paid", "with": {"type": "paid"}, "access": access}
    body = {"name": "orders", "definition": document(HEARS), "triggers": [trigger]}
    await node.done("workflow", "orders", "save", **body)


async def publish(
    node: Operator, id: str, key: Key | None = None, at: datetime | None = None, **more: str
) -> None:
    """Publish an event, signed when there is a key; ``more`` are headers that are not."""
    body = json.dumps({"specversion": "1.0", "id": id, "source": "/shop", "type": "paid"}).encode()
    subject, told = subjects.incoming(node.node, "shop"), {"content-type": STRUCTURED}
    if key is not None:
        told |= signed(key, subject, {subjects.MESSAGE_ID: uuid.uuid4().hex}, body, at)
    await node.bus.publish([Outbound(subject, told.get(subjects.MESSAGE_ID, ""), told | more, body)])


async def test_an_event_is_heard_when_a_member_has_signed_it(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as node:
        known = await people(node, tmp_path)
        await hears(node, "crew")

        await publish(node, "e-1", known["eve"].key)
        assert (await node.event("workflow.rejected", "orders"))["code"] == "not_granted"
        await publish(node, "e-1", known["bob"].key)
        await publish(node, "e-2", known["ann"].key)
        await publish(node, "e-3")

        found = await node.becomes(lambda: node.items("run"), lambda found: len(found) == 3)
        by = [(await node.ask("run", "get", one["id"]))["by"] for one in found]
        assert sorted(by) == ["operator", "user/ann", "user/bob"]


async def in_headers(node: Operator, bob: Key) -> None:
    named = {"ce-id": "x", "ce-source": "/x", "ce-type": "paid", "content-type": "application/json"}
    await publish(node, "e-1", bob, **named)


async def changed(node: Operator, bob: Key) -> None:
    await publish(node, "e-1", bob, **{subjects.SIGNED_AT: "2026-11-28T12:00:00Z"})


async def old(node: Operator, bob: Key) -> None:
    await publish(node, "e-1", bob, datetime.now(UTC) - timedelta(seconds=2 * SIGNED_SECONDS))


async def emitted(node: Operator, _bob: Key) -> None:
    await node.done("workflow", "tells", "launch")


async def after_the_end_of_the_group(node: Operator, bob: Key) -> None:
    await node.done("group", "crew", "delete")
    await publish(node, "e-1", bob)


@pytest.mark.parametrize(
    ("tell", "code"),
    [
        *((in_headers, "not_signed"), (changed, "not_signed"), (old, "not_signed")),
        *((emitted, "not_signed"), (after_the_end_of_the_group, "not_granted")),
    ],
)
async def test_an_event_of_nobody_who_may_begins_nothing(tmp_path: Path, tell: Any, code: str) -> None:
    async with one_node(tmp_path / "lab", "lab") as node:
        known = await people(node, tmp_path)
        await hears(node, "crew")
        emits = [{"tell": {"emit": {"event": {"with": {"source": "/t", "type": "paid"}}}}}]
        await node.done("workflow", "tells", "save", name="tells", definition=document(emits))

        await tell(node, known["bob"].key)

        assert (await node.event("workflow.rejected", "orders"))["code"] == code
        assert await node.items("run", workflow="orders") == []


async def test_where_nobody_is_heeded_unsigned_an_event_is_none_of_the_operators(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as node:
        known = await people(node, tmp_path)
        await hears(node, "crew")
    async with one_node(tmp_path / "lab", "lab", unsigned="nobody") as node:
        await publish(node, "e-1")
        assert (await node.event("workflow.rejected", "orders"))["code"] == "not_signed"

        await publish(node, "e-1", known["kim"].key)
        assert (await node.event("run.begun"))["by"] == "user/kim"


async def test_who_launches_it_in_another_environment_needs_the_right_there(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as node:
        known = await people(node, tmp_path)
        desk = {"type": "manual", "id": "desk", "access": "crew"}
        body = {"name": "orders", "definition": document(ECHO), "triggers": [desk]}
        await node.done("environment", "prod", "create", follows=["main"])
        await node.done("workflow", "orders", "save", **body)
        await node.done("workflow", "orders", "promote", to="prod", promotion="p")
        await node.event("workflow.deployment_noted", "orders")
        bob, eve = known["bob"], known["eve"]
        await give(node, "user/bob", "lab.workflow.orders", "launch")

        refused = await bob.call("workflow", "orders", "launch", environment="prod")
        assert (refused["code"], refused["extra"]["perimeter"]) == ("not_granted", "lab.workflow.orders-prod")
        await give(node, "user/bob", "lab.workflow.orders-prod", "launch")
        await give(node, "user/eve", "lab.workflow.orders-prod", "launch")
        assert (await eve.call("workflow", "orders", "launch", environment="prod"))["code"] == "not_granted"
        for who, by in ((bob, "user/bob"), (node, "operator")):
            run = (await who.call("workflow", "orders", "launch", environment="prod"))["extra"]["run"]
            begun = await node.event("run.begun", run)
            assert (begun["workflow"], begun["environment"], begun["by"]) == ("orders-prod", "prod", by)
