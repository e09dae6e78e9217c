"""A peer changes only what is its own or was granted: each entity looks who it is that speaks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from messages.copies import copy_id
from tests.federation.forger import Scene, a_put
from tests.federation.stage import (
    at,
    copied,
    executions,
    fresh,
    offer,
    planned,
    settled,
    slots,
    workflow,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def test_a_compute_that_is_not_public_is_to_a_peer_as_if_it_were_not_there(scene: Scene) -> None:
    private, nothing = fresh("private"), fresh("nothing")
    await scene.victim.done("resource", private, "save", name=private, type="compute", capacity=1)
    await scene.victim.event("booking.opened", private)
    slot = {"execution": "e", "start": at(1).isoformat(), "end": at(1, hours=1).isoformat()}
    hold = {"workflow": "w", "generation": 1, "slots": [slot], "until": at(2).isoformat()}

    told = [await scene.forger.outcome(f"booking.{id}.hold", hold) for id in (private, nothing)]
    free = [await freebusy(scene, id) | {"id": "it"} for id in (private, nothing)]

    assert [(one["code"], one["detail"]) for one in told] == [
        ("not_found", f"{id} takes no bookings") for id in (private, nothing)
    ]
    assert (free[0], free[0]["code"]) == (free[1], "not_found")


async def freebusy(scene: Scene, resource: str) -> Any:
    """Have the peer ask when a compute is free, and return what it is answered."""
    question = fresh("question")
    asked = {"question": question, "kind": "booking", "query": "freebusy", "id": resource}
    await scene.forger.say("peer.mallory.ask", asked | {"body": {"from": at(1), "to": at(2)}})
    answer = await scene.victim.until(
        lambda one: ".peer.mallory.sent" in one.subject and question.encode() in one.body
    )
    return msgspec.json.decode(answer.body)["message"]["body"]["reply"]


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


async def test_an_answer_to_no_question_is_refused_and_its_content_not_kept(scene: Scene) -> None:
    question = fresh("question")

    await scene.forger.say("peer.mallory.answer", {"question": question, "reply": {"free": []}})

    await scene.victim.event("peer.refused", "mallory", code="not_asked")
    assert not any(question.encode() in one.body for one in scene.victim.heard)


async def test_after_all_that_it_is_still_heard(scene: Scene) -> None:
    id = fresh("own")

    outcome = await scene.forger.outcome(*a_put("resource", id))

    assert outcome["status"] == "done"
    assert (await scene.victim.ask("resource", "get", f"mallory/{id}"))["owner"] == "mallory"
