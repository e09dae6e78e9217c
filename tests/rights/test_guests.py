"""Users who connect with keys of their own: the server itself vouches for them, whatever they try."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bus.client import Bus
from bus.connection import connect
from bus.keys import load
from messages import subjects
from tests.nodes import WAIT_SECONDS, Operator, one_node
from tests.rights.people import enrolled, give


class Guest:
    """A user with a connection of its own."""

    def __init__(self, name: str, bus: Bus) -> None:
        self.name = name
        self.bus = bus

    async def call(self, kind: str, id: str, verb: str, **body: Any) -> Any:
        return await self._say(subjects.call("lab", kind, id, verb), body)

    async def ask(self, kind: str, query: str, id: str = "") -> Any:
        return await self._say(subjects.ask("lab", kind, query, id), {})

    async def is_heard(self) -> bool:
        try:
            await self.ask("node", "whoami")
        except OSError:
            return False
        return True

    async def _say(self, subject: str, body: Any) -> Any:
        said = subjects.spoken(self.name, subject)
        return json.loads(await self.bus.request(said, json.dumps(body).encode(), {}, WAIT_SECONDS))


@asynccontextmanager
async def guest(operator: Operator, directory: Path, name: str) -> AsyncIterator[Guest]:
    """Connect as a user as soon as the server knows it."""
    seed, url = directory / f"{name}.seed", operator.endpoint.nats_url
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                bus = await connect(url, name=name, seed_path=seed)
                break
            except OSError:
                await asyncio.sleep(0.02)  # the server is told of a new user in a moment
    async with bus:
        one = Guest(name, bus)
        await eventually(one.is_heard)  # a new account has what it imports a moment after it is there
        yield one


async def eventually(look: Callable[[], Any]) -> None:
    """Return when it is so: what the server is told takes it a moment."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if await look():
                return
            await asyncio.sleep(0.02)


async def test_a_user_needs_no_signature_over_a_connection_of_its_own(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab", unsigned="nobody") as operator:
        admin_seed = tmp_path / "lab" / "keys" / "admin.seed"
        (tmp_path / "admin.seed").write_bytes(admin_seed.read_bytes())
        async with guest(operator, tmp_path, "admin") as admin:
            assert (await admin.ask("node", "whoami"))["sender"] == "user/admin"
            outcome = await admin.call("workflow", "w", "save", name="W")
            assert (outcome["status"], outcome["version"]) == ("done", 1)
            history = await admin.ask("workflow", "history", "w")
            assert history["events"][0]["sender"] == "user/admin"


async def test_nobody_speaks_as_another_nor_reaches_what_is_not_his(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await enrolled(operator, tmp_path, "bob")
        await enrolled(operator, tmp_path, "eve")
        await give(operator, "user/eve", "lab", "admin")
        await operator.done("workflow", "w", "save", name="W")
        async with guest(operator, tmp_path, "bob") as bob:
            assert (await bob.call("workflow", "w", "delete"))["code"] == "not_granted"
            own = subjects.call("lab", "workflow", "w", "delete")
            tried = [
                *(own, subjects.command("lab", "workflow", "w", "delete"), subjects.task("lab", "links")),
                *(subjects.spoken("eve", own), subjects.spoken("admin", own), subjects.incoming("lab", "x")),
                *(subjects.event("lab", "workflow", "w", "deleted"), subjects.ask("lab", "workflow", "list")),
            ]
            for subject in tried:
                with pytest.raises(OSError, match="nobody listens"):
                    await bob.bus.request(subject, b"{}", {subjects.SENDER: "actor"}, WAIT_SECONDS)
            told = json.loads(await bob.bus.request("$JS.API.STREAM.INFO.CMD", b"", {}, WAIT_SECONDS))
            assert "not enabled for account" in told["error"]["description"]
            for reply in (subjects.spoken("eve", own), own):  # the node's answer must not become a message
                said = subjects.spoken("bob", subjects.ask("lab", "node", "whoami"))
                await bob.bus._client.publish(said, b"{}", reply=reply)
            assert (await bob.ask("node", "whoami"))["sender"] == "user/bob"
            assert (await operator.ask("workflow", "get", "w"))["version"] == 1
            assert (await operator.ask("node", "dead_letters"))["items"] == []


async def test_a_header_makes_nobody_somebody_else(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await enrolled(operator, tmp_path, "bob")
        async with guest(operator, tmp_path, "bob") as bob:
            said = subjects.spoken("bob", subjects.call("lab", "workflow", "w", "save"))
            for header in ({subjects.SENDER: "actor"}, {subjects.SIGNER: load(tmp_path / "bob.seed").public}):
                reply = await bob.bus.request(said, b'{"name": "W"}', header, WAIT_SECONDS)
                assert json.loads(reply)["code"] in ("bad_seal", "not_granted")
            assert await operator.items("workflow") == []


async def test_who_is_switched_off_is_cut_off_and_others_stay(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        bob = await enrolled(operator, tmp_path, "bob")
        await enrolled(operator, tmp_path, "eve")
        async with guest(operator, tmp_path, "bob") as one, guest(operator, tmp_path, "eve") as other:
            gone = asyncio.Event()
            one.bus.on_disconnect = gone.set
            cut = asyncio.Event()
            operator.bus.on_disconnect = other.bus.on_disconnect = cut.set

            await operator.done("user", "bob", "save", public_key=bob.key.public, active=False)
            async with asyncio.timeout(WAIT_SECONDS):
                while one.bus.is_connected:  # it may have been away when it was switched off
                    await gone.wait()
                    gone.clear()
            assert (await other.ask("node", "whoami"))["sender"] == "user/eve"
            assert not cut.is_set()


async def test_a_user_hears_the_events_of_what_it_may_read(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await enrolled(operator, tmp_path, "bob")
        async with guest(operator, tmp_path, "bob") as bob:
            heard: list[str] = []

            async def listen() -> None:
                async for event in await bob.bus.subscribe(subjects.every("lab", "evt")):
                    heard.append(event.subject.split(".", 3)[3])

            listening = asyncio.create_task(listen())
            await give(operator, "user/bob", "lab.workflow", "read")
            await give(operator, "user/bob", "lab.resource.hpc", "read")

            async def hears(kind: str, id: str, **body: Any) -> bool:
                await operator.done(kind, id, "save", **body)
                await operator.bus.request(subjects.ask("lab", "node", "health"), b"", {}, WAIT_SECONDS)
                await bob.ask("node", "whoami")
                return f"{kind}.{id}.saved" in heard

            numbers = iter(range(1000))
            await eventually(
                lambda: hears("resource", "hpc", name=f"H{next(numbers)}", type="compute", capacity=1)
            )
            await eventually(lambda: hears("workflow", "w", name=f"W{next(numbers)}"))
            await operator.done("resource", "other", "save", name="O", type="compute", capacity=1)
            await eventually(lambda: hears("workflow", "v", name=f"V{next(numbers)}"))
            listening.cancel()
            assert {one.partition(".")[0] for one in heard} == {"resource", "workflow"}
            assert not [one for one in heard if one.startswith("resource.other")]


async def test_a_key_that_is_the_nodes_own_harms_nobody(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        node_key = load(tmp_path / "lab" / "keys" / "node.seed").public
        await operator.done("user", "thief", "save", public_key=node_key)
        await enrolled(operator, tmp_path, "bob")

        async with guest(operator, tmp_path, "bob") as bob:
            assert (await bob.ask("node", "whoami"))["sender"] == "user/bob"


def durable(who: str, id: str = "w", verb: str = "save", kind: str = "workflow") -> str:
    return subjects.spoken(who, subjects.command("lab", kind, id, verb))


async def told(bus: Bus, subject: str, body: bytes = b'{"name": "W"}', **headers: str) -> Any:
    """Say something durably, as soon as the server hears it; return what the stream answers."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                return json.loads(await bus.request(subject, body, sent, WAIT_SECONDS))
            except OSError:
                await asyncio.sleep(0.02)  # the server is just being told of a user


async def test_a_user_s_durable_command_is_acknowledged_once_it_is_stored(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await enrolled(operator, tmp_path, "bob")
        await give(operator, "user/bob", "lab.workflow.w", "save", "read")
        async with guest(operator, tmp_path, "bob") as bob:
            first = await told(bob.bus, durable("bob"), Nats_Msg_Id="one")
            again = await told(bob.bus, durable("bob"), Nats_Msg_Id="one")

            assert (first["stream"], again["duplicate"], again["seq"]) == ("AS", True, first["seq"])
            saved = await operator.event("workflow.saved", "w")
            assert saved["author"] == "user/bob"
            await bob.bus._client.publish(durable("bob"), b'{"name": "Unanswered"}')
            await operator.event("workflow.saved", "w", name="Unanswered")
            refused = await told(bob.bus, durable("bob", verb="delete"), b"{}")
            assert refused["stream"] == "AS"
            assert (await operator.event("workflow.rejected", "w"))["code"] == "not_granted"
            assert (await operator.ask("workflow", "get", "w"))["version"] == 2


async def test_nobody_says_durably_what_another_says(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await enrolled(operator, tmp_path, "bob")
        await enrolled(operator, tmp_path, "eve")
        await give(operator, "user/eve", "lab", "admin")
        async with guest(operator, tmp_path, "bob") as bob, guest(operator, tmp_path, "eve") as eve:
            own = subjects.command("lab", "workflow", "w", "save")
            for subject in (
                own,
                durable("eve"),
                durable("admin"),
                durable("*"),
                durable("bob", kind="nothing"),
            ):
                with pytest.raises(OSError, match="nobody listens"):
                    await bob.bus.request(subject, b'{"name": "W"}', {}, WAIT_SECONDS)
            for sender in ("actor", "operator", "user/eve"):
                header = {"covey_sender": sender, "covey_seal": "x", "covey_signer": eve_key(tmp_path)}
                assert (await told(bob.bus, durable("bob"), **header))["stream"] == "AS"
                code = (await operator.event("workflow.rejected", "w"))["code"]
                assert code in ("bad_seal", "not_granted")
                operator.heard.clear()
            # an acknowledgement that is aimed at a subject becomes no message there
            before = (await told(bob.bus, durable("bob", "v")))["seq"]
            purge = "$JS.API.STREAM.PURGE.AS"
            aimed = (durable("bob"), durable("eve"), own, purge, subjects.event("lab", "workflow", "w", "x"))
            for reply in aimed:
                await bob.bus._client.publish(durable("bob", "v"), b"{}", reply=reply)
            assert (await told(bob.bus, durable("bob", "v")))["seq"] == before + len(aimed) + 1
            assert (await eve.call("workflow", "w", "save", name="W"))["version"] == 1
            history = await operator.ask("workflow", "history", "w")
            assert [one["sender"] for one in history["events"]] == ["user/eve"]
            assert (await operator.ask("node", "dead_letters"))["items"] == []


def eve_key(directory: Path) -> str:
    return load(directory / "eve.seed").public


async def test_the_headers_of_the_stream_are_not_for_users(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await enrolled(operator, tmp_path, "bob")
        await enrolled(operator, tmp_path, "eve")
        async with guest(operator, tmp_path, "bob") as bob:
            tried = [
                *({"Nats_Rollup": "all"}, {"Nats_TTL": "1s"}, {"Nats_Schedule": "@at 2030-01-01T00:00:00Z"}),
                *({"Nats_Batch_Id": "b", "Nats_Batch_Sequence": "1"}, {"Nats_Incr": "+1"}),
            ]
            for headers in tried:
                assert (await told(bob.bus, durable("bob"), **headers))["error"]["code"] in (400, 500)
            long = b'{"name": "' + b"x" * (330 * 1024) + b'"}'
            assert (await told(bob.bus, durable("bob"), long))["error"]["err_code"] == 10054
            traced = await told(bob.bus, durable("bob", "v"), Nats_Trace_Dest=durable("eve", "v"))
            assert traced["seq"] == 1
            await operator.event("workflow.rejected", "v")
            assert (await told(bob.bus, durable("bob", "v")))["seq"] == 2
