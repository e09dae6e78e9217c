"""The same message twice, an expected version, and who may say what in whose name."""

from __future__ import annotations

import json

import pytest

from messages import subjects
from tests.federation.saying import publish, told
from tests.federation.stage import at, fresh
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


DATA = {"type": "data"}


async def test_a_version_that_is_expected_must_be_the_present_one(acme: Operator) -> None:
    id = fresh("data")
    await acme.call("resource", id, "save", {subjects.EXPECT: "0"}, name="first", **DATA)

    wrong = await acme.call("resource", id, "save", {subjects.EXPECT: "0"}, name="second", **DATA)
    right = await acme.call("resource", id, "save", {subjects.EXPECT: "1"}, name="second", **DATA)

    assert (wrong["code"], wrong["extra"]) == ("version_conflict", {"stored": 1, "expected": 0})
    assert (right["status"], right["version"]) == ("done", 2)


async def test_a_durable_command_with_an_old_version_is_refused_too(acme: Operator) -> None:
    id = fresh("data")
    await acme.done("resource", id, "save", name="first", **DATA)

    body = b'{"name": "second", "type": "data"}'
    message = await publish(acme, f"resource.{id}.save", body, **{subjects.EXPECT: "7"})

    assert json.loads((await told(acme, "resource.rejected", message)).body)["code"] == "version_conflict"
    assert (await acme.ask("resource", "get", id))["name"] == "first"


@pytest.mark.parametrize("expect", ["", "retry"])
async def test_without_a_version_or_with_retry_the_last_one_wins(acme: Operator, expect: str) -> None:
    id, headers = fresh("data"), {subjects.EXPECT: expect} if expect else {}
    await acme.done("resource", id, "save", name="first", **DATA)

    outcome = await acme.call("resource", id, "save", headers, name="second", **DATA)

    assert (outcome["status"], outcome["version"]) == ("done", 2)


async def test_an_expected_version_that_is_none_is_refused(acme: Operator) -> None:
    outcome = await acme.call("resource", fresh("data"), "save", {subjects.EXPECT: "soon"}, name="x", **DATA)

    assert (outcome["status"], outcome["code"]) == ("rejected", "invalid_header")


async def test_the_same_id_twice_gives_the_same_outcome(acme: Operator) -> None:
    id, headers = fresh("data"), {subjects.MESSAGE_ID: fresh("message")}
    first = await acme.call("resource", id, "save", headers, name=id, **DATA)
    await acme.done("resource", id, "save", name="changed since", **DATA)

    again = await acme.call("resource", id, "save", headers, name=id, **DATA)

    assert again == first
    assert (await acme.ask("resource", "get", id))["name"] == "changed since"


async def test_a_refusal_under_the_same_id_is_the_same_too(acme: Operator) -> None:
    id, headers = fresh("wf"), {subjects.MESSAGE_ID: fresh("message")}
    first = await acme.call("workflow", id, "delete", headers)
    await acme.done("workflow", id, "save", name=id)

    again = await acme.call("workflow", id, "delete", headers)

    assert (again, first["code"]) == (first, "not_found")
    assert (await acme.ask("workflow", "get", id))["name"] == id


async def test_the_same_id_with_other_bytes_is_refused(acme: Operator) -> None:
    id, headers = fresh("data"), {subjects.MESSAGE_ID: fresh("message")}
    await acme.call("resource", id, "save", headers, name=id, **DATA)

    other = await acme.call("resource", id, "save", headers, name="other", **DATA)

    assert (other["status"], other["code"]) == ("rejected", "id_reused")
    assert (await acme.ask("resource", "get", id))["name"] == id


async def test_a_call_and_a_durable_command_share_their_ids(acme: Operator) -> None:
    id, body = fresh("data"), {"name": "one", "type": "data"}
    message = await publish(acme, f"resource.{id}.save", json.dumps(body, separators=(",", ":")).encode())
    await told(acme, "resource.saved", message)

    again = await acme.call("resource", id, "save", {subjects.MESSAGE_ID: message}, **body)

    assert (again["status"], again["version"], again["message"]) == ("done", 1, message)
    assert len((await acme.ask("resource", "history", id))["events"]) == 1


async def test_nobody_pretends_to_be_an_actor_or_a_peer(acme: Operator) -> None:
    for sender in ("actor", "peer/lab", "alarm"):
        outcome = await acme.call(
            "execution", fresh("run"), "remove", {subjects.SENDER: sender}, generation=1
        )

        assert outcome["code"] == "bad_seal"


async def test_an_alarm_is_not_rung_by_a_client(acme: Operator) -> None:
    outcome = await acme.call("execution", fresh("run"), "alarm", name="forget", due=at().isoformat())

    assert outcome["code"] == "unknown_verb"
