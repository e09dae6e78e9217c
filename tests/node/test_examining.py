"""A definition whose expressions cannot be read is refused on every way in; others go on meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from actors import ACTORS
from bus.publisher import Outbound
from cli.fields import verb_of
from messages import subjects
from node import examining, screening
from node import node as running_node
from node.examining import UNCHECKED, Examiner
from node.workers import compiling
from tests.environments import make
from tests.node.serving import document
from tests.nodes import Operator, one_node
from tests.rights.people import enrolled
from tests.workers.children import children
from tests.workers.hostile import hostile
from tests.workers.running import begin, end_of

WRONG = [
    {"one": {"set": {"a": "${ .x | }", "b": "${ [.y] }"}}},
    {"two": {"if": "foo(1)", "set": {"c": "${ [. }"}}},
]
FAULTS = ["/definition/do/0/one/set/a", "/definition/do/1/two/set/c", "/definition/do/1/two/if"]
RIGHT = [{"one": {"set": {"a": "${ .x | map(. + 1) }"}}}]
HOSTILE = 20
DURABLE = 5
"""Each fifth is; the sender of these waits for none, and they are looked at one after the other."""
HEAVY = [f"{n} + " + '"' + r"\(.)" * 11_500 + '"' for n in range(2)]
"""Take more time to be read than there is."""
PROBE_SECONDS = 0.005
AWAY_SECONDS = 0.15
"""How long the node may work without a pause while hostile definitions are looked at."""


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Operator]:
    async with one_node(tmp_path / "lab", "lab") as node:
        yield node


def evaluators() -> set[int]:
    """Return the processes that evaluate expressions."""
    found = set()
    for child in children():
        with suppress(FileNotFoundError):
            if b"jq_child" in Path("/proc", str(child), "cmdline").read_bytes():
                found.add(child)
    return found


async def send(node: Operator, id: str, verb: str, kind: str = "workflow", **body: Any) -> str:
    """Send a durable command; return the id of its message."""
    message = f"m-{id}-{verb}-{time.monotonic_ns()}"
    subject = subjects.command(node.node, kind, id, verb)
    await node.bus.publish([Outbound(subject, message, {}, json.dumps(body).encode())])
    return message


def saved(do: Sequence[Any], **more: Any) -> dict[str, Any]:
    return {"name": "Storm", "definition": document(do), **more}


async def test_a_call_is_refused_with_the_place_of_each_fault(node: Operator) -> None:
    refused = await node.call("workflow", "storm", "save", **saved([*WRONG, {"three": {"call": "htp"}}]))

    assert (refused["status"], refused["code"]) == ("rejected", "invalid_definition")
    told = {one["at"]: one["detail"] for one in refused["extra"]["faults"]}
    assert list(told) == ["/definition/do/2/three/call", *FAULTS]
    assert told[FAULTS[0]].startswith(".x | is no expression of jq: syntax error")
    assert refused["detail"].endswith("(and 3 more faults)")
    assert refused["at"] == "/definition/do/2/three/call"
    assert (await node.ask("workflow", "get", "storm"))["code"] == "not_found"


async def test_a_durable_command_is_refused_and_told(node: Operator) -> None:
    message = await send(node, "storm", "save", **saved(WRONG))

    told = await node.event("workflow.rejected", "storm", message=message)
    assert [one["at"] for one in told["extra"]["faults"]] == FAULTS
    assert (await node.ask("node", "dead_letters"))["items"] == []


def test_every_command_from_outside_that_carries_a_definition_is_looked_at() -> None:
    carriers = {
        (actor.kind, verb_of(command))
        for actor in ACTORS
        for command in actor.commands
        if "definition" in command.__struct_fields__ and verb_of(command) not in actor.internal
    }

    assert carriers | {("workflow", "propose")} == examining.CARRIERS.keys()


async def test_a_name_that_is_spelt_otherwise_is_seen_too(node: Operator) -> None:
    body = json.dumps(saved(WRONG)).replace('"definition"', '"\\u0064efinition"').encode()

    reply = await node.bus.request(subjects.call(node.node, "workflow", "storm", "save"), body, {}, 30.0)

    assert json.loads(reply)["code"] == "invalid_definition"


async def test_a_run_is_not_retried_with_what_cannot_be_read(node: Operator) -> None:
    await begin(node, "r", {"set": {"a": 1}}, given={})
    assert (await end_of(node, "r"))[0] == "succeeded"

    refused = await node.call("run", "r", "retry", **{"from": "start", "definition": document(WRONG)})

    assert refused["code"] == "invalid_definition"
    assert [one["at"] for one in refused["extra"]["faults"]] == FAULTS


async def test_who_asks_what_a_save_would_do_is_told_too(node: Operator) -> None:
    told = await node.ask("node", "explain", documents=[{"kind": "workflow", "id": "storm", **saved(WRONG)}])

    assert [(one["code"], one["at"]) for one in told["refusals"]] == [("invalid_definition", FAULTS[0])]


async def test_what_was_saved_when_nobody_looked_is_not_promoted(
    node: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(node, "dev")
    await make(node, "prod", follows=["dev"])
    with monkeypatch.context() as earlier:
        earlier.setattr(examining, "CARRIERS", {})
        await node.done("workflow", "storm", "save", **saved(WRONG, environment="dev"))

    begun = await node.done("workflow", "storm", "promote", to="prod")
    told = await node.ask("promotion", "wait", begun["extra"]["promotion"])

    assert told["status"] == "refused"
    unmet = [(one["what"], one["at"]) for one in told["checks"] if not one["is_met"]]
    assert unmet == [("expression", at) for at in FAULTS]


async def test_the_commands_of_an_entity_stay_in_their_order(node: Operator) -> None:
    for number in range(20):
        do = [{"one": {"set": {"a": f"${{ .x | map(. + {number}) }}"}}}]
        await send(node, "storm", "save", **saved(do, description=f"long {number}"))
        last = await send(node, "storm", "save", name="Storm", description=f"short {number}")

    await node.until(lambda heard: json.loads(heard.body).get("description") == "short 19")
    history = (await node.ask("workflow", "history", "storm", limit=100))["events"]
    told = [event["body"]["description"] for event in history if event["type"] == "workflow.saved"]
    assert told == [f"{length} {number}" for number in range(20) for length in ("long", "short")], last


async def test_what_one_sender_says_durably_of_workflows_stays_in_its_order(node: Operator) -> None:
    said = []
    for number in range(20):
        do = [{"one": {"set": {"a": f"${{ .x | map(. + {number}) }}"}}}]
        await send(node, f"long{number}", "save", **saved(do) | {"name": f"Long {number}"})
        await send(node, f"short{number}", "save", name=f"Short {number}")
        said += [f"long{number}", f"short{number}"]

    await node.event("workflow.saved", said[-1])
    told = [one.subject.split(".")[4] for one in node.heard if one.subject.endswith(".saved")]
    assert [id for id in told if id in said] == said


async def test_a_definition_that_stays_what_it_is_costs_nothing(tmp_path: Path) -> None:
    other = [{"one": {"set": {"a": "${ .x | map(. + 2) }"}}}]
    async with one_node(tmp_path / "lab", "lab") as node:
        await node.done("workflow", "storm", "save", **saved(RIGHT))
        await node.done("workflow", "storm", "save", **saved(other))
        assert evaluators()
    async with one_node(tmp_path / "lab", "lab") as node:
        await node.done("workflow", "storm", "save", **saved(other, description="the same"))
        await node.done("workflow", "storm", "save", **saved(RIGHT))
        await node.done("workflow", "storm", "roll_back", version=2)
        await node.done(
            "workflow", "plain", "save", name="Plain", definition=document([{"a": {"set": "${ .x }"}}])
        )

        assert not evaluators()


async def test_who_may_not_save_has_nothing_looked_at(node: Operator, tmp_path: Path) -> None:
    nobody = await enrolled(node, tmp_path, "eve")

    refused = await nobody.call("workflow", "storm", "save", **saved(WRONG))

    assert refused["code"] == "not_granted"
    assert not evaluators()


async def test_what_cannot_be_looked_at_in_time_is_refused_and_a_durable_command_kept(
    node: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as busy:
        busy.setattr(compiling, "SECONDS", 0.0)
        refused = await node.call("workflow", "storm", "save", **saved(RIGHT))
        message = await send(node, "storm", "save", **saved(RIGHT))
        await node.event("workflow.dead", "storm", message=message)

    assert (refused["status"], refused["code"]) == ("rejected", UNCHECKED)
    (letter,) = (await node.ask("node", "dead_letters"))["items"]
    assert (letter["message"], letter["code"]) == (message, UNCHECKED)
    retried = await node.ask("node", "retry", position=letter["position"])
    assert retried["outcome"]["status"] == "done"


async def test_a_durable_command_is_not_lost_with_a_node_that_stops_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = asyncio.Event()

    async def never(_self: Examiner, _envelope: Any) -> Any:
        looking.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as stuck:
        stuck.setattr(Examiner, "examined", never)
        stuck.setattr(running_node, "STOP_SECONDS", 0.1)
        async with one_node(tmp_path / "lab", "lab") as node:
            await send(node, "storm", "save", **saved(RIGHT))
            await looking.wait()

    async with one_node(tmp_path / "lab", "lab") as node:
        await node.becomes(lambda: node.ask("workflow", "get", "storm"), lambda one: one.get("version") == 1)


async def test_the_bus_is_told_that_a_message_is_still_looked_at(
    node: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, go_on = asyncio.Event(), asyncio.Event()
    examined = Examiner.examined

    async def late(self: Examiner, envelope: Any) -> Any:
        await go_on.wait()
        return await examined(self, envelope)

    async def working(_delivery: Any) -> None:
        told.set()

    monkeypatch.setattr(Examiner, "examined", late)
    monkeypatch.setattr("bus.consumer.Delivery.working", working)
    await send(node, "storm", "save", **saved(RIGHT))
    async with asyncio.timeout(screening.WORKING_SECONDS * 3):
        await told.wait()
    go_on.set()

    await node.event("workflow.saved", "storm")


async def probed(doing: Coroutine[Any, Any, None]) -> float:
    """Return how long the node worked at worst without a pause while something was done."""
    away = 0.0
    task = asyncio.create_task(doing)
    while not task.done():
        began = time.thread_time()
        await asyncio.sleep(PROBE_SECONDS)
        away = max(away, time.thread_time() - began)
    await task
    return away


async def test_hostile_expressions_at_save_hold_up_nobody(node: Operator) -> None:
    texts = list(hostile())
    texts = [*texts[:: len(texts) // HOSTILE][:HOSTILE], *HEAVY]
    bodies = {f"h{n}": saved([{"one": {"set": {"a": f"${{ {text} }}"}}}]) for n, text in enumerate(texts)}
    ended: dict[str, str] = {}
    await node.done(
        "workflow", "before", "save", **saved(RIGHT, description="the schema is read now") | {"name": "B"}
    )

    async def attack(number: int, id: str) -> None:
        body = {**bodies[id], "name": id}
        if number % DURABLE == 1:
            await send(node, id, "save", **body)
            told = await node.until(lambda one: f".evt.workflow.{id}." in one.subject)
            ended[id] = told.subject.rpartition(".")[2]
        else:
            ended[id] = (await node.call("workflow", id, "save", **body))["status"]

    async def others() -> None:
        for number in range(200):
            await node.done("resource", f"r{number}", "save", name=f"R{number}", type="data")
            await node.done("workflow", f"w{number}", "save", name=f"W{number}")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            for number, id in enumerate(bodies):
                group.create_task(attack(number, id))
            group.create_task(others())

    away = await probed(both())

    print(f"{ended}; the node worked for {away * 1e3:.0f} ms at most without a pause")
    assert len(ended) == HOSTILE + len(HEAVY)
    assert set(ended.values()) <= {"done", "saved", "rejected", "dead"}
    # on a machine that is busy nobody can tell of these whether they are ones
    assert {ended[f"h{HOSTILE + n}"] for n in range(len(HEAVY))} <= {"rejected", "dead"}
    assert away < AWAY_SECONDS
    await node.done("workflow", "storm", "save", **saved(RIGHT))
