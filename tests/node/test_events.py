"""CloudEvents at a real node: published on its bus, emitted by its runs."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bus.publisher import Outbound
from messages import subjects
from node.cloudevents import EVENT_BYTES_MAX, NoEvent, read
from tests.node.serving import document
from tests.nodes import Operator, one_node

ECHO = [{"all": {"set": {"type": "${ .type }", "data": "${ .data }"}}}]
LISTENS = [{"hear": {"listen": {"to": {"one": {"with": {"type": "paid"}}}}}}]


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Operator]:
    async with one_node(tmp_path / "lab", "lab") as found:
        yield found


def emits(type_: str, data: Any = None) -> list[dict[str, Any]]:
    event = {"source": "/test", "type": type_, "data": data or {}}
    return [{"tell": {"emit": {"event": {"with": event}}}}]


async def save(node: Operator, id: str, do: Any, *wanted: dict[str, Any], **more: Any) -> None:
    written = [{"type": "event", "id": f"t{number}", "with": one} for number, one in enumerate(wanted)]
    await node.done("workflow", id, "save", name=id, definition=document(do), triggers=written, **more)


async def publish(node: Operator, type_: str, id: str = "e-1", data: Any = None, **headers: str) -> None:
    told = {"ce-id": id, "ce-source": "/shop", "ce-type": type_, "ce-specversion": "1.0", **headers}
    # no id of a message: the broker shall not be who recognises a repeat
    subject = subjects.incoming(node.node, "shop.orders")
    await node.bus.publish([Outbound(subject, "", told, json.dumps(data).encode())])


async def outputs(node: Operator, workflow: str) -> list[Any]:
    return [one["output"] for one in await node.items("run", workflow=workflow)]


async def test_an_event_begins_the_runs_whose_triggers_it_fits(node: Operator) -> None:
    await save(node, "orders", ECHO, {"type": "order", "source": "/shop"})
    await save(node, "others", ECHO, {"type": "order", "source": "/bank"}, {"type": "paid"})
    await save(node, "off", ECHO, {"type": "order"}, active=False)

    await publish(node, "order", data={"n": 1})
    await node.event("run.succeeded")
    await publish(node, "paid", "e-2")
    await node.becomes(lambda: outputs(node, "others"), lambda found: found and found[0])

    assert await outputs(node, "orders") == [{"type": "order", "data": {"n": 1}}]
    assert await outputs(node, "others") == [{"type": "paid", "data": None}]
    assert await outputs(node, "off") == []


async def test_an_event_again_changes_nothing(node: Operator) -> None:
    await save(node, "orders", ECHO, {"type": "order"})

    for id in ("e-1", "e-1", "e-1", "e-2"):
        await publish(node, "order", id)

    await node.becomes(lambda: outputs(node, "orders"), lambda found: len(found) == 2 and all(found))
    assert len(await node.items("run", workflow="orders")) == 2


async def test_a_run_that_listens_hears_it_once(node: Operator) -> None:
    await save(node, "waits", LISTENS)
    run = (await node.done("workflow", "waits", "launch"))["extra"]["run"]
    await node.event("run.listening", run)
    assert [one["id"] for one in await node.items("run", listening=True)] == [run]

    await publish(node, "order", "e-0")
    await publish(node, "paid", data={"n": 2})

    assert (await node.event("run.succeeded", run))["output"] == [{"n": 2}]
    assert await node.items("run", listening=True) == []


async def test_what_a_run_emits_is_heard(node: Operator) -> None:
    await save(node, "waits", LISTENS)
    await save(node, "orders", ECHO, {"type": "paid"})
    await save(node, "pays", emits("paid", {"n": 3}))
    waiting = (await node.done("workflow", "waits", "launch"))["extra"]["run"]
    await node.event("run.listening", waiting)

    await node.done("workflow", "pays", "launch")

    assert (await node.event("run.succeeded", waiting))["output"] == [{"n": 3}]
    found = await node.becomes(lambda: outputs(node, "orders"), lambda found: found and found[0])
    assert found == [{"type": "paid", "data": {"n": 3}}]
    (run,) = await node.items("run", workflow="orders")
    assert (run["trigger"], run["input"]["coveydepth"]) == ("event", 1)


async def test_events_do_not_go_round_in_circles(node: Operator) -> None:
    await save(node, "child", emits("turn"))
    await save(
        node,
        "circle",
        [{"below": {"run": {"workflow": {"namespace": "test", "name": "child", "version": "1.0.0"}}}}],
        {"type": "turn"},
    )

    await node.done("workflow", "circle", "launch")
    await node.becomes(lambda: outputs(node, "child"), lambda found: len(found) == 17 and all(found))
    await save(node, "last", ECHO, {"type": "last"})
    await publish(node, "last")
    await node.becomes(lambda: outputs(node, "last"), lambda found: bool(found and found[0]))

    assert len(await node.items("run", workflow="circle")) == 17


async def test_what_came_while_the_node_was_away_is_heard(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as node:
        await save(node, "orders", ECHO, {"type": "order"})
        await save(node, "waits", LISTENS)
        run = (await node.done("workflow", "waits", "launch"))["extra"]["run"]
        await node.event("run.listening", run)
    async with one_node(tmp_path / "lab", "lab") as node:
        await publish(node, "order")
        await publish(node, "paid", "e-2")

        assert (await node.event("run.succeeded", run))["output"] == [None]
        await node.becomes(lambda: outputs(node, "orders"), lambda found: bool(found and found[0]))


async def test_what_is_no_event_stops_nobody(node: Operator) -> None:
    await save(node, "orders", ECHO, {"type": "order"})
    subject = subjects.incoming(node.node, "shop")
    await node.bus.publish([Outbound(subject, "", {}, b"nonsense")])
    await publish(node, "order", **{"ce-coveydepth": "17"})

    await publish(node, "order", "e-2")

    await node.becomes(lambda: outputs(node, "orders"), lambda found: bool(found and found[0]))
    assert len(await node.items("run", workflow="orders")) == 1


def test_an_event_is_read_in_either_form() -> None:
    whole = {"id": "1", "source": "/a", "type": "b", "data": {"c": 1}}
    structured = read({"content-type": "application/cloudevents+json"}, json.dumps(whole).encode())
    headers = {"ce-id": "1", "ce-source": "/a", "ce-type": "b", "ce-note": "caf%C3%A9"}

    assert structured == {"specversion": "1.0", **whole}
    assert read(headers, b'{"c":1}') == {"specversion": "1.0", **whole, "note": "café"}
    assert read(headers | {"Content-Type": "text/plain"}, b"x")["data"] == "x"
    assert base64.b64decode(read(headers, b"\xff")["data_base64"]) == b"\xff"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({"content-type": "application/cloudevents+json"}, b"[]"),
        ({"content-type": "application/cloudevents+json"}, b'{"id":1,"source":"a","type":"b"}'),
        ({"ce-id": "1", "ce-source": "a", "ce-type": "b"}, b"[" * 40 + b"]" * 40),
        ({"ce-id": "1", "ce-source": "a", "ce-type": "b"}, b"1" * (EVENT_BYTES_MAX + 1)),
        ({f"ce-x{number}": "1" for number in range(60)}, b""),
    ],
)
def test_what_is_no_event_is_told(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(NoEvent):
        read(headers, body)


async def test_an_event_stays_in_the_environment_of_the_run_that_emits_it(node: Operator) -> None:
    for name in ("dev", "prod"):
        await node.done("environment", name, "create")
    for name in ("main", "dev", "prod"):
        await save(node, f"hears-{name}", ECHO, {"type": "paid"}, {"type": "order"}, environment=name)
        await save(node, f"listens-{name}", LISTENS, environment=name)
        await node.done("workflow", f"listens-{name}", "launch", run=f"l-{name}")
        await node.event("run.listening", f"l-{name}")
    await save(node, "tells", emits("paid", {"n": 1}), environment="dev")

    await node.done("workflow", "tells", "launch", run="t")
    await node.event("run.succeeded", "l-dev")
    await publish(node, "order", "e-2", **{"ce-coveyenvironment": "prod"})
    await node.becomes(lambda: outputs(node, "hears-prod"), lambda found: found and found[0])
    await publish(node, "order", "e-3")
    for name, count in (("main", 1), ("dev", 2), ("prod", 2)):
        await node.becomes(
            lambda name=name: outputs(node, f"hears-{name}"),
            lambda found, count=count: len(found) == count and all(found),
        )

    assert {one["type"] for one in await outputs(node, "hears-main")} == {"order"}
    assert [(await node.ask("run", "get", f"l-{name}"))["status"] for name in ("main", "prod")] == [
        "waiting",
        "waiting",
    ]
