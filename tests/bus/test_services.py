from __future__ import annotations

import asyncio
import json

import pytest

from bus.connection import Bus, Heard, connect
from tests.bus.heard import Ear
from tests.conftest import NODE, Embedded


async def echo(subject: str, headers: dict[str, str], body: bytes) -> bytes:
    return f"{subject} {headers.get('ce-id')} {body.decode()}".encode()


async def test_a_call_is_answered(bus: Bus) -> None:
    await bus.serve_calls(NODE, echo)

    answer = await bus.request("covey.acme.call.workflow.w.save", b"x", {"ce-id": "1"}, timeout=5)

    assert answer == b"covey.acme.call.workflow.w.save 1 x"


async def test_a_call_that_waits_holds_up_no_other(bus: Bus) -> None:
    second_came = asyncio.Event()

    async def handler(_subject: str, _headers: dict[str, str], body: bytes) -> bytes:
        await second_came.wait() if body == b"first" else second_came.set()
        return body

    await bus.serve_calls(NODE, handler)

    answers = await asyncio.gather(
        *(
            bus.request("covey.acme.call.workflow.w.save", body, {}, timeout=5)
            for body in (b"first", b"second")
        )
    )

    assert answers == [b"first", b"second"]


async def test_a_call_that_is_never_answered_does_not_hold_up_the_end(bus: Bus) -> None:
    came = asyncio.Event()

    async def handler(_subject: str, _headers: dict[str, str], _body: bytes) -> bytes:
        came.set()
        await asyncio.Event().wait()
        return b""

    await bus.serve_calls(NODE, handler)
    with pytest.raises(TimeoutError):
        await bus.request("covey.acme.call.workflow.w.save", b"x", {}, timeout=0.2)
    await came.wait()

    async with asyncio.timeout(20):
        await bus.drain()


async def test_a_handler_that_fails_is_answered_with_the_sort_of_its_error_alone(bus: Bus) -> None:
    async def handler(_subject: str, _headers: dict[str, str], _body: bytes) -> bytes:
        raise LookupError("secret")

    await bus.serve_asks(NODE, handler)

    with pytest.raises(RuntimeError, match="LookupError"):
        await bus.request("covey.acme.ask.workflow.list", b"", {}, timeout=5)


async def test_nobody_listening_is_not_a_timeout(bus: Bus) -> None:
    with pytest.raises(ConnectionError, match="nobody listens"):
        await bus.request("covey.acme.ask.workflow.list", b"", {}, timeout=5)


async def test_the_services_are_found_and_counted(bus: Bus) -> None:
    await bus.serve_calls(NODE, echo)
    await bus.serve_asks(NODE, echo)
    await bus.request("covey.acme.ask.workflow.list", b"", {}, timeout=5)

    found = json.loads(await bus.request("$SRV.INFO.covey-call", b"", {}, timeout=5))
    stats = json.loads(await bus.request("$SRV.STATS.covey-ask", b"", {}, timeout=5))

    assert found["endpoints"][0]["subject"] == "covey.acme.call.>"
    assert stats["endpoints"][0]["num_requests"] == 1
    assert stats["endpoints"][0]["data"]["answered"] == 1


async def test_a_subscription_hears_all_from_then_on(bus: Bus, nats_server: Embedded) -> None:
    async with await nats_server.connect(nats_server.operator) as operator:
        heard = await operator.subscribe("covey.acme.call.>")
        await bus.serve_calls(NODE, echo)
        await bus.request("covey.acme.call.workflow.w.save", b"x", {}, timeout=5)

        assert (await anext(heard)).body == b"x"


@pytest.mark.parametrize("who", ["node", "watcher"])
async def test_only_commands_of_unknown_kinds_are_reported(bus: Bus, nats_server: Embedded, who: str) -> None:
    ear, errors = Ear[Heard](), Ear[Exception]()
    seed = getattr(nats_server, who).seed_path
    async with await connect(nats_server.url, name=who, seed_path=seed, on_error=errors) as watcher:
        await watcher.watch_unknown(NODE, ["workflow"], ear)
        for kind in ("workflow", "wrokflow"):
            with pytest.raises(ConnectionError if who == "watcher" and kind == "workflow" else TimeoutError):
                await bus.request(f"covey.acme.cmd.{kind}.w.save", b"{}", {}, timeout=0.2)

        assert [heard.subject for heard in await ear.count(1)] == ["covey.acme.cmd.wrokflow.w.save"]
    assert errors.heard == []
