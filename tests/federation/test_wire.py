"""What any client of the bus sees: outcomes, events, questions, headers."""

from __future__ import annotations

import json

import nats
import pytest

from messages import subjects
from tests.federation.saying import publish, told
from tests.federation.stage import copied, executions, fresh, instant, offer, workflow
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")


DATA = {"type": "data"}


async def test_the_outcome_of_what_is_done_has_version_events_and_message(acme: Operator) -> None:
    id, message = fresh("data"), fresh("message")

    outcome = await acme.call("resource", id, "save", {subjects.MESSAGE_ID: message}, name=id, **DATA)

    (event,) = outcome.pop("events")
    assert outcome == {"status": "done", "kind": "resource", "id": id, "version": 1, "message": message}
    assert (event["message"], event["generation"], event["name"]) == ("resource.saved", 1, id)


async def test_the_outcome_of_a_refusal_has_code_detail_and_pointer(acme: Operator) -> None:
    id = fresh("hpc")

    outcome = await acme.call("resource", id, "save", name=id, type="compute")

    assert (outcome["status"], outcome["version"], outcome["code"]) == ("rejected", 0, "invalid_resource")
    assert (outcome["at"], "capacity" in outcome["detail"]) == ("/capacity", True)


async def test_a_misspelt_field_is_refused_naming_it(acme: Operator) -> None:
    outcome = await acme.call("workflow", fresh("wf"), "save", nmae="x")

    assert (outcome["status"], outcome["code"]) == ("rejected", "invalid_message")
    assert "nmae" in outcome["detail"]


async def test_a_wrong_value_is_refused_with_its_place(acme: Operator) -> None:
    outcome = await acme.call("workflow", fresh("wf"), "save", name="x", schedule={"start": 7})

    assert (outcome["code"], outcome["at"]) == ("invalid_message", "/schedule/start")


UNREADABLE = {
    "no_json": (b"{", "workflow", "save", "invalid_message"),
    "an_unknown_verb": (b"{}", "workflow", "frobnicate", "unknown_verb"),
    "too_deep": (b'{"metadata": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}", "workflow", "save", "too_deep"),
    "too_large": (b'{"name": "' + b"x" * 300_000 + b'"}', "workflow", "save", "too_large"),
    "no_utf8": (b'{"name": "\xff"}', "workflow", "save", "invalid_message"),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_a_durable_command_is_told_dead_and_kept_when_it_is(acme: Operator, what: str) -> None:
    body, kind, verb, code = UNREADABLE[what]
    id = fresh("wf")

    message = await publish(acme, f"{kind}.{id}.{verb}", body)

    outcome = json.loads((await told(acme, "workflow.dead", message)).body)
    assert (outcome["status"], outcome["code"], outcome["message"]) == ("dead", code, message)
    letters = (await acme.ask("node", "dead_letters", limit=500))["items"]
    (letter,) = [one for one in letters if one["message"] == message]
    assert (letter["code"], letter["subject"]) == (code, f"workflow.{id}.{verb}")
    await acme.done("workflow", id, "save", name=id)


async def test_a_durable_command_of_an_unknown_kind_is_not_lost_in_silence(acme: Operator) -> None:
    client = await nats.connect(acme.endpoint.nats_url, nkeys_seed=acme.endpoint.nkey_seed_file)

    await client.publish("covey.acme.cmd.unicorn.u1.save", b"{}")

    heard = await acme.until(lambda heard: heard.subject == "covey.acme.evt.unicorn.u1.dead")
    assert json.loads(heard.body)["code"] == "unknown_kind"
    await client.close()


async def test_a_refusal_is_told_on_evt(acme: Operator) -> None:
    message = await publish(acme, f"workflow.{fresh('none')}.delete", b"{}")

    heard = await told(acme, "workflow.rejected", message)

    outcome = json.loads(heard.body)
    assert (outcome["status"], outcome["code"], outcome["message"]) == ("rejected", "not_found", message)
    assert heard.headers[subjects.CE_TYPE] == "workflow.rejected"


async def test_a_dead_letter_is_retried_or_discarded_once(acme: Operator) -> None:
    message = await publish(acme, f"workflow.{fresh('wf')}.save", b"{")
    await told(acme, "workflow.dead", message)
    letters = (await acme.ask("node", "dead_letters", limit=500))["items"]
    (letter,) = [one for one in letters if one["message"] == message]

    again = await acme.ask("node", "retry", position=letter["position"])
    late = await acme.ask("node", "discard", position=letter["position"])

    assert (again["outcome"]["code"], late["code"]) == ("invalid_message", "state_conflict")


async def test_events_are_cloudevents_in_order(acme: Operator) -> None:
    id = fresh("data")
    message = await publish(acme, f"resource.{id}.save", b'{"name": "one", "type": "data"}')
    await acme.event("resource.saved", id, name="one")
    await acme.done("resource", id, "delete")
    await acme.event("resource.deleted", id)

    first, second = [heard for heard in acme.heard if f".{id}." in heard.subject]

    assert first.subject == f"covey.acme.evt.resource.{id}.saved"
    stamp = first.headers.pop("ce-time")
    parent = first.headers.pop("traceparent")
    assert {name: value for name, value in first.headers.items() if name.lower() != "nats-msg-id"} == {
        "ce-specversion": "1.0",
        "ce-id": f"resource.{id}.1",
        "ce-source": "/covey/acme",
        "ce-type": "resource.saved",
        "ce-subject": f"resource/{id}",
        "content-type": "application/json",
        "covey-cause": message,
        "covey-correlation": message,
        "covey-version": "1",
    }
    assert (instant(stamp).tzinfo is not None, len(parent.split("-"))) == (True, 4)
    assert (second.headers["ce-id"], second.headers["Nats-Msg-Id"]) == (f"resource.{id}.2",) * 2


async def test_the_events_stay_in_a_stream_from_which_they_are_read_again(acme: Operator) -> None:
    id = fresh("data")
    await acme.done("resource", id, "save", name=id, **DATA)
    await acme.event("resource.saved", id)
    client = await nats.connect(acme.endpoint.nats_url, nkeys_seed=acme.endpoint.nkey_seed_file)

    stored = await client.jetstream().get_last_msg("EVT", f"covey.acme.evt.resource.{id}.saved")

    assert json.loads(stored.data or b"{}")["name"] == id
    await client.close()


async def test_a_trace_goes_on_through_the_cascade(acme: Operator) -> None:
    id, trace = fresh("wf"), "0af7651916cd43dd8448eb211c80319c"

    await acme.call(
        "workflow", id, "save", {subjects.TRACEPARENT: f"00-{trace}-b7ad6b7169203331-01"}, name=id
    )

    await acme.event("workspace.followed", f"{id}_ws")
    parents = {one.headers["traceparent"] for one in acme.heard if f".{id}" in one.subject}
    assert len(parents) == 2
    assert all(parent.startswith(f"00-{trace}-") for parent in parents)


async def test_any_client_publishes_in_a_few_lines(acme: Operator) -> None:
    id = fresh("data")

    client = await nats.connect(acme.endpoint.nats_url, nkeys_seed=acme.endpoint.nkey_seed_file)
    body = json.dumps({"name": "Radar", "type": "data"}).encode()
    stored = await client.jetstream().publish(f"covey.acme.cmd.resource.{id}.save", body)
    reply = await client.request(f"covey.acme.call.resource.{id}.save", body, timeout=10)
    answer = await client.request(f"covey.acme.ask.resource.{id}.get", b"", timeout=10)
    await client.close()

    assert stored.stream == "CMD"
    assert json.loads(reply.data)["status"] == "done"
    assert json.loads(answer.data)["name"] == "Radar"


async def test_a_command_without_an_id_gets_one_from_the_stream(acme: Operator) -> None:
    id = fresh("data")
    client = await nats.connect(acme.endpoint.nats_url, nkeys_seed=acme.endpoint.nkey_seed_file)

    for name in (b"one", b"two"):
        await client.publish(f"covey.acme.cmd.resource.{id}.save", b'{"type": "data", "name": "%s"}' % name)

    await acme.event("resource.saved", id, name="two")
    events = (await acme.ask("resource", "history", id))["events"]
    assert len({event["message"] for event in events}) == 2
    await client.close()


async def test_nats_micro_discovers_calls_and_asks(acme: Operator) -> None:
    found = {}
    for service in ("covey-call", "covey-ask"):
        told = json.loads(await acme.bus.request(f"$SRV.INFO.{service}", b"", {}, 5))
        found[service] = told["endpoints"][0]["subject"]
        stats = json.loads(await acme.bus.request(f"$SRV.STATS.{service}", b"", {}, 5))
        assert (told["metadata"]["node"], stats["endpoints"][0]["data"]["failed"]) == ("acme", 0)

    assert found == {"covey-call": "covey.acme.call.>", "covey-ask": "covey.acme.ask.>"}


async def test_correlation_and_cause_go_along_the_cascade_at_every_node(
    lab: Operator, centre: Operator, observatory: Operator
) -> None:
    near, id, team, message = await offer(centre, lab), fresh("wf"), fresh("team"), fresh("message")
    await lab.done("workflow", id, "save", name=id)
    await lab.done("shared_workspace", team, "save", name=team, peers=["observatory"], workflows=[id])
    await copied(observatory, lab, "workflow", id, generation=1)

    await lab.call("workflow", id, "save", {subjects.MESSAGE_ID: message}, **workflow(id, f"centre/{near}"))

    await lab.event("execution.scheduled")
    await lab.becomes(
        lambda: executions(lab, id), lambda found: [one["state"] for one in found] == ["scheduled"] * 2
    )
    await copied(observatory, lab, "workflow", id, generation=2)
    kinds = {node.node: await cascade(node, message) for node in (lab, centre, observatory)}
    assert {"workflow.save", "execution.plan", "execution.schedule", "workflow.held", "peer.send"} <= kinds[
        "lab"
    ]
    assert {"booking.hold", "booking.confirm", "peer.send"} <= kinds["centre"]
    assert kinds["observatory"] == {"copy.put"}


async def cascade(node: Operator, message: str) -> set[str]:
    """Return what was said at a node because of a message, each caused by another one of it."""
    rows = (await node.ask("node", "trace", id=message))["messages"]
    assert {row["correlation"] for row in rows} == {message}
    assert all(row["cause"] or row["id"] == message for row in rows)
    return {f"{row['kind']}.{row['verb']}" for row in rows}
