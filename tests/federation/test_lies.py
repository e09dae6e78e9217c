"""A peer is believed only in what is its own: all else is refused with a code, kept, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio

from bus.keys import create_seed
from messages.base import encode
from messages.copies import copy_id
from messages.peer import MESSAGE_BYTES, To
from tests.federation.forger import Forger, forging
from tests.federation.stage import (
    at,
    copied,
    executions,
    fresh,
    in_own_task,
    offer,
    planned,
    settled,
    slots,
    workflow,
)
from tests.nodes import Operator, federation

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Scene(NamedTuple):
    """Who lies to whom, about what."""

    forger: Forger
    victim: Operator
    third: Operator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A victim with two peers, of which one lies."""
    directory = tmp_path_factory.mktemp("scene")
    async with (
        in_own_task(federation(directory, "victim", "mallory", "third")) as nodes,
        forging(directory / "mallory", nodes[0]) as forger,
    ):
        yield Scene(forger, nodes[0], nodes[2])


async def everything(node: Operator) -> dict[str, Any]:
    """Return all that a node has, but for what it knows of its peers."""
    kinds = ("resource", "workflow", "workspace", "shared_workspace", "execution", "booking", "copy")
    return {kind: await node.items(kind) for kind in kinds}


def a_put(
    kind: str, id: str, owner: str = "mallory", generation: int = 1, name: str = "x"
) -> tuple[str, dict[str, Any]]:
    """Return where a copy is said to be put, and what is said."""
    said = {"owner": owner, "kind": kind, "id": id, "name": name, "generation": generation, "version": 0}
    return f"copy.{copy_id(owner, kind, id)}.put", said | {"body": {"name": name}}


FORGED = {
    "is_of_a_wrong_audience": ({"audience": "third"}, "misaddressed"),
    "names_another_sender": ({"sender": "third"}, "wrong_sender"),
    "is_from_before_the_count_began_anew": ({"incarnation": 1}, "stale_incarnation"),
    "has_no_id": ({"id": ""}, "invalid_message"),
    "is_for_nobody": ({"to": None}, "invalid_message"),
    "is_for_what_is_no_token": ({"to": To(kind="copy", id="a.b")}, "invalid_message"),
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_message_is_refused_that(scene: Scene, how: str) -> None:
    fields, code = FORGED[how]
    before = await everything(scene.victim)

    right = await scene.forger.message(*a_put("resource", fresh("own")))
    refused = await scene.forger.refused(encode(msgspec.structs.replace(right, **fields)))

    assert refused["code"] == code
    assert await everything(scene.victim) == before


async def test_a_signature_of_another_key_is_refused(scene: Scene, tmp_path: Any) -> None:
    data = encode(await scene.forger.message("resource.hpc.save", {}))
    other = create_seed(tmp_path / "other.seed")

    for signature in (other.sign(data), scene.forger.identity.sign(data + b" "), "", "%%%"):
        assert (await scene.forger.refused(data, signature))["code"] == "bad_signature"


async def test_signed_bytes_that_are_no_message_are_refused(scene: Scene) -> None:
    right = encode(await scene.forger.message("resource.hpc.save", {}))

    for data in (b"", b"{", b"[]", b"\xff\xfe", right[:-1] + b',"extra":1}', b"[" * 5_000):
        assert (await scene.forger.refused(data))["code"] == "invalid_message"


async def test_a_message_that_is_too_large_is_refused(scene: Scene) -> None:
    message = await scene.forger.message("copy.c.put", {"name": "x" * MESSAGE_BYTES})

    refused = await scene.forger.refused(encode(message))

    assert (refused["code"], refused["size"] > MESSAGE_BYTES) == ("invalid_message", True)


OVERREACHING = (
    *(
        "resource.hpc.save",
        "resource.hpc.delete",
        "workflow.wf.save",
        "workflow.wf.delete",
        "workflow.wf.join",
    ),
    *("workspace.ws.follow", "shared_workspace.team.save", "execution.run.plan", "execution.run.start"),
    *("booking.hpc.open", "booking.hpc.cancel", "copy.c.fork", "copy.c.propose"),
    *("peer.mallory.meet", "peer.mallory.resume", "peer.mallory.receive", "peer.third.block"),
    *("peer.third.digest", "unicorn.u.save"),
)


@pytest.mark.parametrize("to", OVERREACHING)
async def test_a_peer_may_not_say(scene: Scene, to: str) -> None:
    before = await everything(scene.victim)

    refused = await scene.forger.refused(
        encode(await scene.forger.message(to, {"name": "mine", "type": "data"}))
    )

    assert (refused["code"], refused["is_next"]) == ("not_granted", True)
    assert await everything(scene.victim) == before
    assert (await scene.victim.ask("peer", "get", "third"))["state"] == "partner"


async def test_evidence_is_counted_and_kept(scene: Scene) -> None:
    message = await scene.forger.message("resource.hpc.save", {})

    refused = await scene.forger.refused(encode(message))

    kept = await scene.victim.ask("peer", "get", "mallory")
    last = kept["evidence"][-1]
    assert (last["code"], last["digest"], last["sequence"]) == (
        "not_granted",
        refused["digest"],
        message.sequence,
    )
    assert kept["refused"]["not_granted"] > 0
    history = await scene.victim.ask("peer", "history", "mallory", limit=500)
    assert refused["digest"] in str(history["events"])


async def test_what_is_the_peers_own_is_believed_and_once(scene: Scene) -> None:
    id = fresh("own")
    message = await scene.forger.message(*a_put("resource", id))

    for _ in range(3):
        await scene.forger.publish(encode(message))
    await scene.forger.wait_for_all()

    await scene.victim.event("copy.stored", copy_id("mallory", "resource", id))
    copy = copy_id("mallory", "resource", id)
    assert len((await scene.victim.ask("copy", "history", copy))["events"]) == 1
    assert (await scene.victim.ask("peer", "get", "mallory"))["last_received"] == message.sequence


async def test_a_sequence_that_was_used_with_other_words_changes_nothing(scene: Scene) -> None:
    first = await scene.forger.message(*a_put("resource", fresh("own")))
    await scene.forger.publish(encode(first))
    await scene.forger.wait_for_all()
    id = fresh("never")

    second = await scene.forger.message(*a_put("resource", id), sequence=first.sequence)
    await scene.forger.publish(encode(second))
    await scene.forger.wait_for_all()

    assert (await scene.victim.ask("resource", "get", f"mallory/{id}"))["code"] == "not_found"


async def test_a_copy_of_another_owner_is_refused(scene: Scene) -> None:
    id = await offer(scene.third, scene.victim)

    put = await scene.forger.outcome(*a_put("resource", id, owner="third", generation=99, name="stolen"))
    to, _ = a_put("resource", id, owner="third")
    drop = {"owner": "third", "kind": "resource", "id": id, "generation": 99}
    dropped = await scene.forger.outcome(to.replace(".put", ".drop"), drop)

    assert (put["status"], put["code"], dropped["code"]) == ("rejected", "not_owner", "not_owner")
    assert (await scene.victim.ask("resource", "get", f"third/{id}"))["name"] == id


async def test_a_copy_in_the_place_of_anothers_is_refused(scene: Scene) -> None:
    id = await offer(scene.third, scene.victim)
    _, body = a_put("resource", id)

    outcome = await scene.forger.outcome(f"copy.{copy_id('third', 'resource', id)}.put", body)

    assert outcome["code"] == "misaddressed"
    assert (await scene.victim.ask("resource", "get", f"third/{id}"))["name"] == id


@pytest.mark.parametrize("kind", ["peer", "execution", "booking", "copy"])
async def test_no_copy_is_made_of(scene: Scene, kind: str) -> None:
    assert (await scene.forger.outcome(*a_put(kind, "x")))["code"] == "not_granted"


BOOKING = {
    "release": {},
    "abort": {"generation": 1},
    "confirm": {"generation": 1},
}


@pytest.mark.parametrize("verb", BOOKING)
async def test_the_bookings_of_others_stand_whatever_a_peer_says(scene: Scene, verb: str) -> None:
    id = await offer(scene.victim, scene.third)
    theirs = await planned(scene.third, f"victim/{id}")
    before = await slots(scene.victim, id)

    await scene.forger.outcome(f"booking.{id}.{verb}", {"workflow": theirs, **BOOKING[verb]})

    assert await slots(scene.victim, id) == before


async def test_the_run_of_another_is_not_marked(scene: Scene) -> None:
    id = await offer(scene.victim, scene.third)
    theirs = await planned(scene.third, f"victim/{id}")
    (first, _) = await executions(scene.third, theirs)
    before = await slots(scene.victim, id)

    said = {"workflow": theirs, "execution": first["id"], "state": "cancelled"}
    await scene.forger.outcome(f"booking.{id}.mark", said)

    assert await slots(scene.victim, id) == before


async def test_a_hold_answers_the_node_that_asked_and_no_third(scene: Scene) -> None:
    id = await offer(scene.victim)
    slot = {"execution": "e", "start": at(1).isoformat(), "end": at(1, hours=1).isoformat()}
    hold = {"workflow": "w", "generation": 1, "slots": [slot], "until": at(2).isoformat()}

    outcome = await scene.forger.outcome(
        f"booking.{id}.hold", {**hold, "reply_to": {"kind": "workflow", "id": "w", "node": "third"}}
    )

    assert outcome["status"] == "done"
    assert [slot["node"] for slot in await slots(scene.victim, id)] == ["mallory"]
    sent = [
        one
        for one in scene.victim.heard
        if ".peer.third.sent" in one.subject and b'"verb":"held"' in one.body
    ]
    assert not any(b'"id":"w"' in one.body for one in sent)


async def test_an_answer_in_the_name_of_another_owner_plans_nothing(scene: Scene) -> None:
    id, wf = await offer(scene.third, scene.victim), fresh("wf")
    await scene.third.done("peer", "victim", "pause")
    await scene.victim.done("workflow", wf, "save", **workflow(wf, f"third/{id}"))
    await settled(scene.victim, wf, "planning")

    for verb in ("held", "confirmed", "expired", "hold_refused"):
        said = {"resource": f"third/{id}", "generation": 1}
        more = {"code": "x"} if verb == "hold_refused" else {}
        assert (await scene.forger.outcome(f"workflow.{wf}.{verb}", said | more))["events"] == []

    assert (await scene.victim.ask("workflow", "get", wf))["waiting"] == ["third"]
    await scene.third.done("peer", "victim", "resume")
    await settled(scene.victim, wf, "scheduled")


async def test_a_slot_of_another_owner_is_not_taken_back(scene: Scene) -> None:
    id = await offer(scene.third, scene.victim)
    wf = await planned(scene.victim, f"third/{id}")
    (first, _) = before = await executions(scene.victim, wf)

    said = {"resource": f"third/{id}", "executions": [first["id"]], "generation": 1}
    await scene.forger.outcome(f"workflow.{wf}.slots_cancelled", said)

    assert await executions(scene.victim, wf) == before


async def test_a_change_by_a_peer_without_the_right_is_refused(scene: Scene) -> None:
    id, team = fresh("wf"), fresh("team")
    await scene.victim.done("workflow", id, "save", name=id)
    await scene.victim.done("shared_workspace", team, "save", name=team, peers=["third"], workflows=[id])
    await copied(scene.third, scene.victim, "workflow", id)

    for entity in (f"workflow.{id}", f"workspace.{id}_ws"):
        said = {"generation": 1, "body": {"name": "mine"}, "reply_to": {"kind": "copy", "id": "x"}}
        assert (await scene.forger.outcome(f"{entity}.propose", said))["code"] == "not_granted"

    assert (await scene.victim.ask("workflow", "get", id))["name"] == id


async def test_a_peer_that_wants_what_is_not_shared_with_it_gets_nothing(scene: Scene) -> None:
    id = fresh("secret")
    await scene.victim.done("workflow", id, "save", name=id)

    await scene.forger.say("peer.mallory.want", {"entries": [{"kind": "workflow", "id": id}]})

    await scene.victim.event("workflow.announced", id)
    sent = [one.body for one in scene.victim.heard if ".peer.mallory.sent" in one.subject]
    assert not any(id.encode() in body and b'"verb":"put"' in body for body in sent)


QUESTIONS = (
    ("workflow", "list"),
    ("workflow", "get"),
    ("booking", "get"),
    ("peer", "backlog"),
    ("node", "health"),
)


@pytest.mark.parametrize(("kind", "query"), QUESTIONS)
async def test_a_peer_may_not_ask(scene: Scene, kind: str, query: str) -> None:
    question = fresh("question")

    await scene.forger.say("peer.mallory.ask", {"question": question, "kind": kind, "query": query})

    answer = await scene.victim.until(
        lambda one: ".peer.mallory.sent" in one.subject and question.encode() in one.body
    )
    assert msgspec.json.decode(answer.body)["message"]["body"]["reply"]["code"] == "not_granted"


async def test_a_question_through_us_to_a_third_is_not_passed_on(scene: Scene) -> None:
    id, question = await offer(scene.third, scene.victim), fresh("question")

    asked = {"question": question, "kind": "booking", "query": "freebusy", "id": f"third/{id}"}
    await scene.forger.say("peer.mallory.ask", asked | {"body": {"from": at(1), "to": at(2)}})

    answer = await scene.victim.until(
        lambda one: ".peer.mallory.sent" in one.subject and question.encode() in one.body
    )
    assert msgspec.json.decode(answer.body)["message"]["body"]["reply"]["status"] == "rejected"


async def test_after_all_that_it_is_still_heard(scene: Scene) -> None:
    id = fresh("own")

    outcome = await scene.forger.outcome(*a_put("resource", id))

    assert outcome["status"] == "done"
    assert (await scene.victim.ask("resource", "get", f"mallory/{id}"))["owner"] == "mallory"
