"""Peers meet by invitation, go away, and get what they should, in order and once, when they are back."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from bus.keys import create_seed
from messages import subjects
from messages.copies import copy_id
from node.chores import Chores
from node.meeting import PREFIX, read_token
from tests.federation.stage import Place, copied, fresh, in_own_task, places
from tests.nodes import WAIT_SECONDS, Operator, one_node

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Place]]:
    """A laboratory and a centre that have met and come and go."""
    async with in_own_task(places(tmp_path_factory.mktemp("pair"), "lab", "centre")) as found:
        yield found


@pytest.fixture
def lab(pair: list[Place]) -> Operator:
    return pair[0].node


@pytest.fixture
def away(pair: list[Place]) -> Place:
    return pair[1]


async def shared(lab: Operator, *peers: str) -> str:
    """Share a new workflow with peers and return its id."""
    id, team = fresh("wf"), fresh("team")
    await lab.done("workflow", id, "save", name=id)
    await lab.done("shared_workspace", team, "save", name=team, peers=list(peers), workflows=[id])
    await lab.event("workflow.joined", id)
    return id


async def backlog(node: Operator, peer: str, count: int) -> Any:
    """Wait until so many messages to a peer wait for its acknowledgement."""
    return await node.becomes(
        lambda: node.ask("peer", "backlog", peer), lambda one: one["unacknowledged"] == count
    )


async def test_what_a_peer_that_is_away_should_get_waits_and_comes_in_order_once(
    lab: Operator, away: Place
) -> None:
    id = await shared(lab, "centre")
    await backlog(lab, "centre", 0)
    await away.stop()

    for word in ("second", "third", "fourth"):
        await lab.done("workflow", id, "save", name=id, description=word)

    waiting = await backlog(lab, "centre", 3)
    assert waiting["oldest_at"] is not None
    assert [one["id"] for one in await lab.items("peer", unacknowledged=3)] == ["centre"]
    back = await away.start()
    copy = copy_id("lab", "workflow", id)
    await back.becomes(lambda: back.ask("copy", "get", copy), lambda one: one["generation"] == 4)
    events = (await back.ask("copy", "history", copy))["events"]
    assert [event["body"]["generation"] for event in events] == [1, 2, 3, 4]
    assert (await backlog(lab, "centre", 0))["oldest_at"] is None


async def test_a_node_that_comes_back_says_what_it_had_to_say(lab: Operator, away: Place) -> None:
    id = await shared(away.node, "lab")
    await copied(lab, away.node, "workflow", id)
    await away.stop()

    back = await away.start()
    await back.done("workflow", id, "save", name=id, description="since")

    await copied(lab, back, "workflow", id, generation=2)


async def test_a_copy_that_was_lost_is_healed_by_a_digest(lab: Operator, away: Place) -> None:
    id = await shared(lab, "centre")
    await backlog(lab, "centre", 0)
    await away.stop()
    with closing(sqlite3.connect(away.data / "covey.db")) as database, database:
        for table in ("journal", "snapshot", "entity"):
            copy = copy_id("lab", "workflow", id)
            database.execute(f"DELETE FROM {table} WHERE kind = 'copy' AND id = ?", (copy,))
    back = await away.start()
    lost = await back.ask("workflow", "get", f"lab/{id}")

    await lab.done("peer", "centre", "pause")
    await lab.done("peer", "centre", "resume")

    await copied(back, lab, "workflow", id)
    assert lost["code"] == "not_found"
    assert (await back.ask("workflow", "get", f"lab/{id}"))["owner"] == "lab"


async def test_what_we_say_to_a_paused_peer_waits_until_it_is_resumed(lab: Operator, away: Place) -> None:
    await backlog(lab, "centre", 0)
    await lab.done("peer", "centre", "pause")
    id = await shared(lab, "centre")

    waiting = await backlog(lab, "centre", 2)
    before = await away.node.ask("workflow", "get", f"lab/{id}")
    await lab.done("peer", "centre", "resume")

    assert ((await lab.ask("peer", "get", "centre"))["state"], waiting["refused"]) == ("partner", {})
    assert before["code"] == "not_found"
    await copied(away.node, lab, "workflow", id)


async def test_what_a_paused_peer_says_is_heard_when_it_is_resumed(lab: Operator, away: Place) -> None:
    await lab.done("peer", "centre", "pause")
    id = await shared(away.node, "lab")
    before = await lab.ask("workflow", "get", f"centre/{id}")

    await lab.done("peer", "centre", "resume")

    assert before["code"] == "not_found"
    await copied(lab, away.node, "workflow", id)


async def test_a_blocked_peer_gets_nothing_more_until_it_is_a_partner_again(
    lab: Operator, away: Place
) -> None:
    id, team = await shared(lab, "centre"), fresh("team")
    await copied(away.node, lab, "workflow", id)

    await lab.done("peer", "centre", "block", reason="spam")
    refused = await lab.call("shared_workspace", team, "save", name=team, peers=["centre"])
    await lab.done("workflow", id, "save", name=id, description="secret")
    await lab.event("peer.rejected", "centre", code="peer_blocked")

    blocked = await lab.ask("peer", "get", "centre")
    assert (blocked["state"], blocked["reason"]) == ("blocked", "spam")
    assert (refused["code"], refused["at"]) == ("peer_blocked", "/peers/0")
    assert (await away.node.ask("workflow", "get", f"lab/{id}"))["description"] == ""
    await lab.done("peer", "centre", "resume")
    await copied(away.node, lab, "workflow", id, generation=2)


async def test_a_peer_is_shown_with_its_state_numbers_backlog_and_last_contact(
    lab: Operator, away: Place
) -> None:
    found = await lab.ask("peer", "get", "centre")

    assert (found["name"], found["state"], found["url"][:7]) == ("centre", "partner", "nats://")
    assert found["public_key"].startswith("U")
    assert found["last_said"] > 0 < found["last_received"]
    assert {"unacknowledged", "oldest_at", "last_contact", "refused", "evidence"} <= set(found)
    assert [one["id"] for one in await lab.items("peer", state="partner")] == ["centre"]
    assert away.node.node == "centre"


async def test_a_removed_peer_is_forgotten_and_can_be_met_again(tmp_path: Path) -> None:
    async with places(tmp_path, "lab", "centre") as (lab, centre):
        for node, peer in ((lab.node, "centre"), (centre.node, "lab")):
            await node.done("peer", peer, "remove")
            assert (await node.ask("peer", "get", peer))["code"] == "not_found"
            assert await node.items("peer") == []
        again = fresh("team")
        refused = await lab.node.call("shared_workspace", again, "save", name=again, peers=["centre"])
        assert refused["code"] == "unknown_peer"

        await meet_again(lab.node, centre.node)

        id = await shared(lab.node, "centre")
        await copied(centre.node, lab.node, "workflow", id)


async def test_a_removal_that_is_carried_out_late_leaves_the_next_invitation_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_allowed, carried_out = asyncio.Event(), asyncio.Semaphore(0)
    relink = Chores.relink
    is_allowed.set()

    async def late(self: Chores, peer: str) -> None:
        await is_allowed.wait()
        await relink(self, peer)
        carried_out.release()

    monkeypatch.setattr(Chores, "relink", late)
    async with places(tmp_path, "lab", "centre") as (lab, centre):
        is_allowed.clear()
        while not carried_out.locked():  # those of the meeting
            await carried_out.acquire()
        await lab.node.done("peer", "centre", "remove")
        await centre.node.done("peer", "lab", "remove")
        token = (await insist(lab.node, "invite", peer="centre"))["token"]
        is_allowed.set()
        async with asyncio.timeout(WAIT_SECONDS):
            for _ in ("lab", "centre"):
                await carried_out.acquire()

        told = await insist(centre.node, "accept", token=token)

        assert told.get("peer") == "lab", told
        id = await shared(lab.node, "centre")
        await copied(centre.node, lab.node, "workflow", id)


async def test_an_invitation_outlives_a_restart_of_the_host(tmp_path: Path) -> None:
    host, guest = Place(tmp_path / "lab"), Place(tmp_path / "centre")
    try:
        token = (await (await host.start()).ask("node", "invite", peer="centre"))["token"]
        await host.stop()
        await host.start()

        told = await (await guest.start()).ask("node", "accept", token=token)

        assert told.get("peer") == "lab", told
    finally:
        await host.stop()
        await guest.stop()


async def meet_again(host: Operator, guest: Operator) -> None:
    """Let two nodes meet whose servers start anew, as for any account that comes back."""
    token = (await insist(host, "invite", peer=guest.node))["token"]
    await insist(guest, "accept", token=token)
    for node, peer in ((host, guest.node), (guest, host.node)):
        await node.becomes(lambda node=node, peer=peer: node.ask("peer", "get", peer), _has_spoken)  # type: ignore[misc]


async def insist(node: Operator, query: str, **body: Any) -> Any:
    """Ask again when the server that carried the question has gone with the answer."""
    for _ in range(5):
        with suppress(TimeoutError, ConnectionError):
            asked = subjects.ask(node.node, "node", query), msgspec.json.encode(body)
            return json.loads(await node.bus.request(*asked, {}, 3))
    raise AssertionError(f"{node.node} does not answer {query}")


def _has_spoken(peer: Any) -> bool:
    return peer.get("state") == "partner" and bool(peer["last_received"])


async def test_we_are_no_peer_of_ourselves(lab: Operator) -> None:
    assert (await lab.ask("node", "invite", peer="lab"))["code"] == "unknown_peer"


async def test_an_invitation_for_another_node_is_refused(lab: Operator, away: Place) -> None:
    token = (await lab.ask("node", "invite", peer="someone"))["token"]

    told = await away.node.ask("node", "accept", token=token)

    assert told["code"] == "misaddressed"
    assert (await lab.ask("peer", "get", "someone"))["code"] == "not_found"


@pytest.mark.parametrize("token", ["", "covey1-", "nonsense", "covey1-e30"])
async def test_a_token_that_is_not_whole_is_refused(lab: Operator, token: str) -> None:
    assert (await lab.ask("node", "accept", token=token))["code"] == "invalid_message"


async def test_an_invitation_that_was_used_does_not_serve_another_node(lab: Operator, tmp_path: Path) -> None:
    token = (await lab.ask("node", "invite", peer="guest"))["token"]
    async with one_node(tmp_path / "first", "guest") as first:
        await first.ask("node", "accept", token=token)
    pinned = (await lab.ask("peer", "get", "guest"))["public_key"]

    async with one_node(tmp_path / "second", "guest") as second:
        told = await second.ask("node", "accept", token=token)

        assert told["code"] in ("key_pinned", "expired", "unreachable")
        assert await second.items("peer") == []
    assert (await lab.ask("peer", "get", "guest"))["public_key"] == pinned


async def test_an_invitation_that_is_too_old_is_refused(
    lab: Operator, pair: list[Place], tmp_path: Path
) -> None:
    token = (await lab.ask("node", "invite", peer="late"))["token"]
    facts = pair[0].data / "peers" / "late" / "facts.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"invite_until": 1}))

    async with one_node(tmp_path / "late", "late") as late:
        told = await late.ask("node", "accept", token=token)

    # when the server has been told of other accounts meanwhile, it does not even let the guest in
    assert told["code"] in ("expired", "unreachable")
    assert (await lab.ask("peer", "get", "late"))["code"] == "not_found"


async def test_whoever_answers_an_invitation_must_have_the_key_in_it(lab: Operator, tmp_path: Path) -> None:
    token = (await lab.ask("node", "invite", peer="wary"))["token"]
    other = create_seed(tmp_path / "other.seed").public
    forged = msgspec.json.encode(msgspec.structs.replace(read_token(token), key=other))

    async with one_node(tmp_path / "wary", "wary") as wary:
        told = await wary.ask("node", "accept", token=PREFIX + base64.urlsafe_b64encode(forged).decode())

        assert told["code"] == "bad_signature"
        assert await wary.items("peer") == []
