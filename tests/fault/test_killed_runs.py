"""A node dies with many runs under way: all end as if nothing was, and what was done is not done again."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from messages.envelope import Address
from node.fault import DESK_POINTS, POINTS
from node.workers.voice import BusVoice
from tests.fault.answering import FAILURES, Answering, answering
from tests.fault.flying import Flown, caller, document, get, launched, read, saved, until_ended, wrongs
from tests.fault.process import NODE, SECONDS, NodeProcess, node_process, publish

RUNS = 1_000
CALLS = (200, 50, 400, 10, 600) if os.environ.get("COVEY_SOAK") else (200,)
"""After how many calls the node is killed."""
FLYING_LEAST = 0.95 * RUNS
"""How many must be under way then, on a machine that is busy."""
READY_SECONDS = 2.0
"""How much more processor time a start may take with the runs than twice that with none."""
END_SECONDS = 60.0
PAUSES = (1, 2, 3)
EGRESS = ("--allow-egress", "127.0.0.0/8")
VISIT = 7
"""At which visit of its point the node dies: the run is about in its middle."""


class Start(NamedTuple):
    """What it took a node to be ready."""

    seconds: float
    cpu_seconds: float


async def started(node: NodeProcess) -> Start:
    """Start the node and return what that took."""
    began = time.perf_counter()
    await node.start()
    return Start(time.perf_counter() - began, node.cpu_seconds)


async def restarted(node: NodeProcess) -> Start:
    """Kill the node, start it again, and return what that took."""
    node.kill()
    await node.until_killed()
    return await started(node)


async def launch_all(node: NodeProcess, server: Answering) -> None:
    """Save the workflows and begin all runs."""
    async with await node.operator() as bus:
        await publish(bus, [saved(f"flow-{one}", caller(f"flow-{one}", one, server.url)) for one in PAUSES])
        numbers = [(number, PAUSES[number % len(PAUSES)]) for number in range(RUNS)]
        await publish(bus, [launched(f"flow-{one}", f"r-{n}", {"number": n}) for n, one in numbers])


def called(runs: dict[str, Flown], *, is_answered: bool) -> set[str]:
    """Return the paths that were called, and whose answers the journal has or not."""
    return {f"/{id[2:]}" for id, run in runs.items() if is_answered in run.calls.values()}


@pytest.mark.parametrize("calls", CALLS)
async def test_runs_that_are_under_way_when_the_node_is_killed_all_end(calls: int, tmp_path: Path) -> None:
    async with answering() as server, node_process(tmp_path, *EGRESS) as node:
        await node.start()
        without = await restarted(node)
        await launch_all(node, server)
        await server.until(lambda one: len(one.seen) >= calls, SECONDS)
        node.kill()
        await node.until_killed()
        before, asked = read(node.data), server.seen.copy()
        start = await started(node)
        await until_ended(node, RUNS, END_SECONDS)
        await node.stop()
        runs = read(node.data)

    flying = sum(run.status not in ("success", "failure") for run in before.values())
    answered = called(before, is_answered=True)
    again = {path for (path, _), times in server.seen.items() if times > 1}
    print(f"{flying} runs under way, {len(answered)} calls answered, {len(again)} made again; ", end="")
    print(f"ready after {start.seconds:.2f} s, and {without.seconds:.2f} s with none")
    assert flying >= FLYING_LEAST
    assert start.cpu_seconds < 2 * without.cpu_seconds + READY_SECONDS
    assert wrongs(runs) == []
    assert {id: run.state.output for id, run in runs.items()} == {
        f"r-{number}": {"told": str(number), "number": number} for number in range(RUNS)
    }
    assert not again & answered
    assert again <= {path for path, _ in asked} & called(before, is_answered=False)
    assert all(len(keys) == 1 for keys in server.keys.values())


def parent(url: str) -> dict[str, Any]:
    """Return what forks: a branch tries again until a flaky server answers, another one runs a child."""
    policy = {"delay": {"milliseconds": 50}, "limit": {"attempt": {"count": FAILURES + 1}}}
    catch = {"errors": {"with": {"status": 503}}, "retry": policy}
    branches = [
        {"again": {"try": [{"ask": get(f"{url}/flaky/parent")}], "catch": catch}},
        {"below": {"run": {"workflow": {**CHILD, "input": {"items": "${ .items }"}}}}},
    ]
    joined = {"set": {"both": "${ [.[0].told, .[1].sum] }"}}
    return document("parent", {"both": {"fork": {"branches": branches}}}, {"join": joined})


CHILD = {"namespace": "fault", "name": "child", "version": "1.0.0"}


def child(url: str) -> dict[str, Any]:
    """Return what goes through a list, calls and waits."""
    add = {"add": {"set": {"sum": "${ (.sum // 0) + $item }"}}}
    return document(
        "child",
        {"each": {"for": {"in": "${ .items }"}, "do": [add]}},
        {"pause": {"wait": {"milliseconds": 100}}},
        {"ask": {**get(f"{url}/child"), "output": {"as": "${ {told: .told, sum: $input.sum} }"}}},
    )


async def say_all(node: NodeProcess, server: Answering) -> None:
    """Say everything, over as many lives of the node as it takes."""
    words = [
        saved("child", child(server.url)),
        saved("parent", parent(server.url)),
        launched("parent", "r-p", {"items": [1, 2, 3]}),
    ]
    async with await node.operator() as bus:
        await publish(bus, words)


async def output(node: NodeProcess, run: str) -> Any:
    """Return the output of a run once it has ended."""
    async with asyncio.timeout(END_SECONDS), await node.operator() as bus:
        voice = BusVoice(bus, NODE)
        while not (told := await voice.ask(Address("run", run), "wait")).get("is_final"):
            pass
        return told["output"]


@pytest.mark.parametrize("point", [*POINTS, *DESK_POINTS])
async def test_a_run_ends_the_same_wherever_the_node_dies(point: str, tmp_path: Path) -> None:
    async with answering() as server, node_process(tmp_path, *EGRESS) as node:
        assert await node.start(die_at=f"{point}:{VISIT}")
        async with asyncio.TaskGroup() as clients:
            clients.create_task(say_all(node, server))
            await node.until_killed()
            await node.start()
        told = await output(node, "r-p")
        await node.stop()
        runs = read(node.data)

    assert told == {"both": ["parent", 6]}
    assert wrongs(runs) == []
    assert len(runs) == 2
    (run,) = (one for id, one in runs.items() if id == "r-p")
    assert (run.count("called", "/ask"), run.count("retried")) == (FAILURES + 1, FAILURES)
    assert len(server.keys["/flaky/parent"]) == FAILURES + 1
