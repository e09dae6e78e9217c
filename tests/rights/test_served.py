"""A node asks of everybody who he is and what he may: over a real server, to its file."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.keys import load
from bus.signing import signed
from messages import subjects
from node.proof import SIGNED_SECONDS
from tests.nodes import Operator, one_node
from tests.rights.people import Person, enrolled, give

WORKFLOWS = ("w", "v", "u")


async def workflows(operator: Operator) -> None:
    for id in WORKFLOWS:
        await operator.done("workflow", id, "save", name=id)


def code(outcome: Any) -> str:
    assert outcome.get("status") in ("done", "rejected"), outcome
    return str(outcome.get("code", ""))


async def test_a_user_does_and_sees_what_was_given_until_it_is_taken_back(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await workflows(operator)
        bob = await enrolled(operator, tmp_path, "bob")
        assert code(await bob.call("workflow", "w", "save", name="mine")) == "not_granted"
        assert code(await bob.ask("workflow", "get", "w")) == "not_granted"
        assert (await bob.ask("workflow", "list"))["items"] == []

        await operator.done("perimeter", "storms", "save", members=["workflow/w"])
        await operator.done("workflow", "v", "save", name="v", perimeters=["storms"])
        await operator.done("group", "crew", "save", members=["user/bob"])
        await operator.done(
            "grant", "g", "save", to="group/crew", perimeter="lab.storms", actions=["read", "save"]
        )

        outcome = await bob.call("workflow", "w", "save", name="mine")
        assert outcome["status"] == "done"
        (change,) = [one for one in await operator.items("workflow", name="mine")]
        history = await operator.ask("workflow", "history", "w", after=outcome["version"] - 1)
        assert (change["id"], history["events"][-1]["sender"]) == ("w", "user/bob")
        assert [one["id"] for one in (await bob.ask("workflow", "list"))["items"]] == ["v", "w"]
        assert (await bob.ask("workflow", "get", "v"))["id"] == "v"
        assert code(await bob.ask("workflow", "get", "u")) == "not_granted"
        assert code(await bob.ask("workflow", "history", "u")) == "not_granted"
        assert [one["id"] for one in (await bob.ask("workspace", "list"))["items"]] == ["v_ws", "w_ws"]
        whole = await bob.ask("workflow", "list", limit=1)
        rest = await bob.ask("workflow", "list", limit=1, cursor=whole["cursor"])
        assert [one["id"] for one in (*whole["items"], *rest["items"])] == ["v", "w"]

        await operator.done("grant", "g", "delete")
        assert code(await bob.call("workflow", "w", "save", name="again")) == "not_granted"
        assert (await bob.ask("workflow", "list"))["items"] == []


async def test_what_is_not_as_it_was_signed_is_nobodys(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        bob = await enrolled(operator, tmp_path, "bob")
        await give(operator, "user/bob", "lab", "admin")
        subject, body = subjects.call("lab", "workflow", "w", "save"), b'{"name": "W"}'
        sent = {subjects.MESSAGE_ID: "m-1"}
        good = signed(bob.key, subject, sent, body)
        old = signed(bob.key, subject, sent, body, datetime.now(UTC) - timedelta(seconds=2 * SIGNED_SECONDS))
        stranger = Person(operator, load(operator_seed(operator)))

        assert code(await bob.raw(subject, b'{"name": "V"}', good)) == "bad_signature"
        assert code(await bob.raw(subject.replace(".w.", ".v."), body, good)) == "bad_signature"
        assert code(
            await bob.raw(subject, body, good | {subjects.SIGNATURE: good[subjects.SIGNATURE][::-1]})
        ) == ("bad_signature")
        assert code(await bob.raw(subject, body, old)) == "too_old"
        assert code(await stranger.call("workflow", "w", "save", name="W")) == "unknown_signer"
        assert code(await stranger.ask("workflow", "list")) == "unknown_signer"
        assert code(await stranger.ask("node", "whoami")) == "unknown_signer"
        ask = subjects.ask("lab", "workflow", "list")
        asked = signed(bob.key, ask, {}, b"{}")
        assert code(await bob.raw(ask, b'{"limit": 2}', asked)) == "bad_signature"
        assert (await bob.raw(ask, b"{}", asked))["items"] == []

        first = await bob.raw(subject, body, signed(bob.key, subject, sent, body))
        assert first["status"] == "done"
        assert await bob.raw(subject, body, good) == first
        assert (await operator.ask("workflow", "get", "w"))["version"] == first["version"]
        eve = await enrolled(operator, tmp_path, "eve")
        assert code(await eve.call("workflow", "w", "save", sent, name="W")) == "id_reused"


def operator_seed(operator: Operator) -> Path:
    return Path(operator.endpoint.nkey_seed_file)


async def test_who_is_switched_off_has_another_key_or_is_gone_is_refused_from_the_next_message_on(
    tmp_path: Path,
) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        bob = await enrolled(operator, tmp_path, "bob")
        await give(operator, "user/bob", "lab", "admin")
        other = Person(operator, load(tmp_path / "bob.seed"))
        assert (await bob.ask("node", "whoami"))["sender"] == "user/bob"

        await enrolled(operator, tmp_path, "bob", active=False)
        assert code(await bob.call("workflow", "w", "save", name="W")) == "inactive_user"
        assert code(await bob.ask("workflow", "list")) == "inactive_user"
        await enrolled(operator, tmp_path, "bob", user_type="machine")
        assert (await other.ask("node", "whoami"))["sender"] == "machine/bob"
        new = Person(operator, (await enrolled(operator, tmp_path, "new")).key)
        await operator.done("user", "new", "delete")
        assert code(await new.call("workflow", "w", "save", name="W")) == "unknown_signer"
        await operator.done("user", "bob", "save", public_key=new.key.public)
        assert code(await bob.call("workflow", "w", "save", name="W")) == "unknown_signer"
        assert (await new.call("workflow", "w", "save", name="W"))["status"] == "done"


async def test_the_first_admin_is_made_once_and_rights_stand_after_a_restart(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        admin = Person(operator, load(tmp_path / "lab" / "keys" / "admin.seed"))
        assert (await admin.ask("node", "whoami"))["rights"] == [
            {"perimeter": "lab", "actions": ["admin"], "by": "admin", "to": "user/admin"}
        ]
        bob = await enrolled(operator, tmp_path, "bob")
        assert (await admin.call("perimeter", "storms", "save"))["status"] == "done"
        saved = await admin.call("workflow", "w", "save", name="W", perimeters=["storms"])
        await give(operator, "user/bob", "lab.storms", "read")
        assert saved["status"] == "done"
        await operator.done("user", "admin", "save", public_key=admin.key.public, active=False)

    async with one_node(tmp_path / "lab", "lab", unsigned="nobody") as operator:
        bob, admin = Person(operator, bob.key), Person(operator, admin.key)
        assert code(await admin.call("workflow", "w", "delete")) == "inactive_user"
        assert code(await operator.call("workflow", "w", "delete")) == "not_granted"
        assert code(await operator.ask("workflow", "list")) == "not_granted"
        assert [one["id"] for one in (await bob.ask("workflow", "list"))["items"]] == ["w"]


async def test_what_is_refused_on_the_durable_subject_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        bob = await enrolled(operator, tmp_path, "bob")
        subject = subjects.command("lab", "workflow", "w", "save")
        headers = signed(bob.key, subject, {subjects.MESSAGE_ID: uuid.uuid4().hex}, b'{"name": "W"}')

        await operator.bus.request(subject, b'{"name": "W"}', headers, 30)
        assert (await operator.event("workflow.rejected", "w"))["code"] == "not_granted"
        await operator.bus.request(subject, b'{"name": "V"}', headers | {subjects.MESSAGE_ID: "other"}, 30)
        dead = await operator.event("workflow.dead", "w")
        assert dead["code"] == "bad_signature"
        (letter,) = (await operator.ask("node", "dead_letters"))["items"]
        retried = await operator.ask("node", "retry", position=letter["position"])
        assert retried["outcome"]["code"] == "unknown_signer"
        assert await operator.items("workflow") == []


@pytest.mark.parametrize("query", ["explain"])
async def test_a_rehearsal_gives_nobody_anything(tmp_path: Path, query: str) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        bob = await enrolled(operator, tmp_path, "bob")
        grant = {"kind": "grant", "id": "g", "to": "user/bob", "perimeter": "lab", "actions": ["admin"]}
        group = {"kind": "group", "id": "crew", "members": ["user/bob"]}

        told = await operator.ask("node", query, documents=[group, grant | {"to": "group/crew"}])
        assert told["refusals"] == []
        assert code(await bob.call("workflow", "w", "save", name="W")) == "not_granted"
        await give(operator, "user/bob", "lab.node", "explain")
        refused = await bob.ask("node", query, documents=[grant])
        assert [one["code"] for one in refused["refusals"]] == ["not_granted"]
