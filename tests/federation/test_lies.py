"""A peer that lies is refused by the gateway with a code, kept as evidence, and changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.keys import create_seed
from messages.base import encode
from messages.copies import copy_id
from messages.peer import MESSAGE_BYTES, To
from tests.federation.forger import Scene, a_put, everything
from tests.federation.stage import (
    fresh,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


FORGED: dict[str, tuple[dict[str, Any], str]] = {
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
