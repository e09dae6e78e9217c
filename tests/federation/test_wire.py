"""What any client of the bus sees: outcomes, events, questions, headers."""

from __future__ import annotations

import json
from typing import Any

import nats
import pytest

from bus.client import Heard
from bus.publisher import Outbound
from messages import subjects
from tests.federation.stage import at, copied, executions, fresh, instant, nightly, offer, planned, workflow
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = {"type": "data"}


async def publish(node: Operator, to: str, body: bytes, **more: str) -> str:
    """Publish a durable command to ``kind.id.verb`` and return its id."""
    message = fresh("message")
    await node.bus.publish([Outbound(f"covey.{node.node}.cmd.{to}", message, more, body)])
    return message


async def told(node: Operator, type_: str, message: str) -> Heard:
    """Wait for an event of a type that a message caused."""
    kind, _, name = type_.partition(".")
    prefix = f"covey.{node.node}.evt.{kind}."
    return await node.until(
        lambda heard: (
            heard.subject.startswith(prefix)
            and heard.subject.endswith(f".{name}")
            and heard.headers[subjects.CAUSE] == message
        )
    )


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


async def test_a_history_has_every_change_of_a_deleted_entity_too(acme: Operator) -> None:
    id = fresh("wf")
    first = await acme.done("workflow", id, "save", name=id)
    await acme.done("workflow", id, "save", name=id, description="second")
    await acme.done("workflow", id, "delete")

    events = (await acme.ask("workflow", "history", id))["events"]

    assert [(event["version"], event["type"]) for event in events] == [
        (1, "workflow.saved"),
        (2, "workflow.saved"),
        (3, "workflow.deleted"),
    ]
    assert (events[0]["message"], events[0]["sender"]) == (first["message"], "operator")
    assert [one["version"] for one in (await acme.ask("workflow", "history", id, after=2))["events"]] == [3]
    assert len((await acme.ask("workflow", "history", id, limit=1))["events"]) == 1


@pytest.mark.parametrize("kind", ["resource", "workflow", "workspace", "shared_workspace"])
async def test_a_deleted_id_is_a_tombstone(acme: Operator, kind: str) -> None:
    id, fields = fresh("gone"), DATA if kind == "resource" else {}
    await acme.done(kind, id, "save", name=id, **fields)
    await acme.done(kind, id, "delete")

    again = await acme.call(kind, id, "save", name=id, **fields)
    twice = await acme.done(kind, id, "delete")

    assert (again["code"], twice["events"], twice["version"]) == ("deleted", [], 2)
    assert (await acme.ask(kind, "get", id))["code"] == "not_found"
    assert id not in str(await acme.items(kind, name=id))


async def test_what_never_was_is_not_found(acme: Operator) -> None:
    for kind in (
        "resource",
        "workflow",
        "workspace",
        "execution",
        "shared_workspace",
        "booking",
        "peer",
        "copy",
    ):
        assert (await acme.ask(kind, "get", "never"))["code"] == "not_found"
        assert (await acme.ask(kind, "history", "never"))["code"] == "not_found"


async def test_a_listing_is_filtered_by_labels_and_fields(acme: Operator) -> None:
    team, ids = fresh("team"), sorted([fresh("data"), fresh("data"), fresh("data")])
    for id, type_ in zip(ids, ("data", "storage", "data"), strict=True):
        labels = {"team": team, "of": id}
        await acme.done("resource", id, "save", name=id, type=type_, labels=labels)

    async def ids_of(**asked: Any) -> list[str]:
        return [one["id"] for one in await acme.items("resource", **asked)]

    assert await ids_of(labels={"team": team}) == ids
    assert await ids_of(labels={"team": team}, type="data") == [ids[0], ids[2]]
    assert await ids_of(labels={"team": team, "of": ids[1]}) == [ids[1]]
    assert await ids_of(labels={"team": team}, public=True) == []


async def test_a_listing_is_ordered_both_ways(acme: Operator) -> None:
    team = fresh("team")
    for id, name in ((fresh("data"), f"{team} b"), (fresh("data"), f"{team} a")):
        await acme.done("resource", id, "save", name=name, labels={"team": team}, **DATA)

    up = await acme.items("resource", labels={"team": team}, order="name")
    down = await acme.items("resource", labels={"team": team}, order="-name")

    assert [one["name"] for one in up] == [f"{team} a", f"{team} b"]
    assert up == down[::-1]


@pytest.mark.parametrize("order", ["id", "-id", "at", "-at", "name", "-version"])
async def test_a_listing_is_paged_without_a_gap_or_a_repeat(acme: Operator, order: str) -> None:
    id = await planned(acme, schedule=nightly(7))
    found: list[str] = []
    asked: dict[str, Any] = {"workflow": id, "order": order, "limit": 3}
    page = await acme.ask("execution", "list", **asked)
    while page["items"]:
        found += [one["id"] for one in page["items"]]
        page = (
            await acme.ask("execution", "list", **asked, cursor=page["cursor"])
            if page["cursor"]
            else {"items": []}
        )

    assert len(found) == 7
    assert found == [one["id"] for one in await acme.items("execution", workflow=id, order=order)]


async def test_executions_are_listed_by_workflow_state_and_time(acme: Operator) -> None:
    id = await planned(acme, schedule=nightly(4))
    (first, *_) = await executions(acme, id)
    await acme.done("execution", first["id"], "start")

    window = {"from": at(2).isoformat(), "to": at(4).isoformat()}
    inside = await acme.items("execution", workflow=id, order="at", **window)
    running = await acme.items("execution", workflow=id, state="started")

    assert [instant(one["start"]) for one in inside] == [at(2, hours=2.5), at(3, hours=2.5)]
    assert [one["id"] for one in running] == [first["id"]]
    assert all(one["start"].endswith("Z") for one in inside)


WRONG_QUESTIONS = {
    "order": {"order": "colour"},
    "limit": {"limit": 0},
    "cursor": {"cursor": "zz"},
    "from": {"from": "yesterday"},
}


@pytest.mark.parametrize("field", WRONG_QUESTIONS)
async def test_a_listing_with_a_wrong_field_is_refused(acme: Operator, field: str) -> None:
    told = await acme.ask("execution", "list", **WRONG_QUESTIONS[field])

    assert (told["status"], told["code"]) == ("rejected", "invalid_message")


async def test_an_unknown_question_or_kind_is_refused_with_what_there_is(acme: Operator) -> None:
    query = await acme.ask("booking", "colour", "hpc")
    kind = await acme.ask("unicorn", "list")

    assert (query["code"], "freebusy" in query["detail"]) == ("unknown_query", True)
    assert (kind["code"], "workflow" in kind["detail"]) == ("unknown_kind", True)


async def test_a_saved_workflow_is_answered_with_all_its_fields(acme: Operator) -> None:
    id = await planned(acme, metadata={"a": [1]}, environment="test", perimeters=["p"], labels={"x": "y"})

    found = await acme.ask("workflow", "get", id)

    saved = workflow(id, metadata={"a": [1]}, environment="test", perimeters=["p"], labels={"x": "y"})
    for field in ("name", "metadata", "environment", "perimeters", "labels", "schedule_active", "resources"):
        assert found[field] == saved[field]
    assert (found["generation"], found["workspace"], found["plan"]) == (1, f"{id}_ws", "scheduled")
    assert (found["waiting"], found["refusals"], found["active"]) == ([], [], True)


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
