"""Runs have their expressions evaluated and their calls made: by the node, and by workers that may die."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from actors.flow.errors import standard
from bus.streams import TASKS, WORK_ACK_WAIT_SECONDS
from tests.calls.served import Site, serving
from tests.cli.running import Covey
from tests.environments import keep
from tests.fault.process import CoveyProcess
from tests.nodes import Operator
from tests.workers.running import Held, begin, end_of, get, node_of

SECONDS = 30.0


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@asynccontextmanager
async def worker(data: Path, *words: str) -> AsyncIterator[CoveyProcess]:
    """Run ``covey worker run`` in a process of its own."""
    process = CoveyProcess(data, "worker", "run", *words)
    await process.start()
    try:
        yield process
    finally:
        await process.end()


async def test_the_node_itself_evaluates_and_calls(tmp_path: Path, site: Site) -> None:
    async with node_of(tmp_path / "lab", site.allowance) as node:
        said = get(site, "/pets", query={"name": "${ .name | ascii_upcase }"})
        await begin(node, "r", said, {"set": '${ [.path, .query.name] | join("?") }'}, given={"name": "rex"})

        assert await end_of(node, "r") == ("succeeded", "/pets?REX")


async def test_what_the_node_does_itself_does_not_go_over_the_bus(tmp_path: Path, site: Site) -> None:
    async with node_of(tmp_path / "lab", site.allowance) as node:
        await begin(node, "r", get(site), {"set": "${ .path | ascii_upcase }"}, given={})
        assert (await end_of(node, "r"))[0] == "succeeded"
        state = await node.bus.stream_state(TASKS)

    assert state is not None
    assert state.last == 0


async def test_what_must_not_be_made_twice_goes_over_the_bus_which_counts(tmp_path: Path, site: Site) -> None:
    async with node_of(tmp_path / "lab", site.allowance) as node:
        await begin(node, "r", {**get(site), "metadata": {"once": True}}, given={})
        assert (await end_of(node, "r"))[0] == "succeeded"
        state = await node.bus.stream_state(TASKS)

    assert state is not None
    assert state.last == 1


async def test_what_may_not_be_reached_is_a_problem_that_names_the_remedy(tmp_path: Path, site: Site) -> None:
    async with node_of(tmp_path / "lab") as node:
        await begin(node, "r", get(site))
        word, problem = await end_of(node, "r")

    assert (word, standard(problem["type"]), problem["instance"]) == ("failed", "authorization", "/do/0/t0")
    assert f"--allow-egress 127.0.0.1/32:{site.port}" in problem["detail"]
    assert site.asked == []


async def test_an_expression_that_fails_is_a_problem_of_its_task(tmp_path: Path) -> None:
    async with node_of(tmp_path / "lab") as node:
        await begin(node, "r", {"set": "${ .a | error }"}, given={"a": "no"})
        word, problem = await end_of(node, "r")

    assert (word, standard(problem["type"]), problem["status"]) == ("failed", "expression", 400)


async def test_many_runs_are_served_side_by_side(tmp_path: Path, site: Site) -> None:
    held = Held()
    site["/"] = held
    async with node_of(tmp_path / "lab", site.allowance) as node:
        for place in range(20):
            await begin(node, f"r{place}", get(site), {"set": "${ .n | tostring }"})
        async with asyncio.timeout(SECONDS):
            while len(held.keys) < 20:
                await held.has_come.wait()
                held.has_come.clear()
        held.may_go.set()
        found = {(await end_of(node, f"r{place}"))[0] for place in range(20)}

    assert found == {"succeeded"}
    assert len(set(held.keys)) == 20


async def test_a_call_that_is_given_up_ends(tmp_path: Path, site: Site) -> None:
    held = Held()
    site["/"] = held
    async with node_of(tmp_path / "lab", site.allowance) as node:
        await begin(node, "r", get(site))
        await held.has_come.wait()
        await node.done("run", "r", "terminate", reason="enough")
        async with asyncio.timeout(SECONDS):
            await held.has_left.wait()
            await drained(node, "call-http")

        assert (await end_of(node, "r"))[0] == "cancelled"


async def test_a_call_that_was_given_up_before_it_began_is_not_made(tmp_path: Path, site: Site) -> None:
    data = tmp_path / "lab"
    async with node_of(data, left=("call-http",)) as node:
        await begin(node, "r", get(site))
        await node.done("run", "r", "terminate", reason="enough")
        async with worker(data, "--queue", "call-http", "--allow-egress", site.allowance):
            async with asyncio.timeout(SECONDS):
                await drained(node, "call-http")

    assert site.asked == []


async def test_a_call_whose_worker_died_is_made_again_with_the_same_key(tmp_path: Path, site: Site) -> None:
    held, data = Held(), tmp_path / "lab"
    site["/"] = held
    async with node_of(data, has_worker=False) as node:
        await begin(node, "r", {"set": "${ [1] | add }"}, get(site), {"set": "${ .n + 1 }"})
        async with worker(data, "--allow-egress", site.allowance) as victim:
            await held.has_come.wait()
            await victim.end()
        held.may_go.set()
        async with worker(data, "--allow-egress", "127.0.0.0/8", "--concurrency", "2"):
            assert await end_of(node, "r") == ("succeeded", 3)

    assert len(held.keys) == 2
    assert len(set(held.keys)) == 1


async def test_a_call_that_must_not_be_made_twice_is_left_to_a_person(tmp_path: Path, site: Site) -> None:
    held, data = Held(), tmp_path / "lab"
    site["/"] = held
    async with node_of(data, left=("call-http",)) as node:
        await begin(node, "r", {**get(site), "metadata": {"once": True}}, {"set": "${ .n }"})
        async with worker(data, "--queue", "call-http", "--allow-egress", site.allowance) as victim:
            await held.has_come.wait()
            await victim.end()
        async with worker(data, "--queue", "call-http", "--allow-egress", site.allowance):
            assert (await end_of(node, "r"))[0] == "unsettled"
        frame = (await node.ask("run", "get", "r"))["under_way"][0]["frame"]
        await node.done("run", "r", "settle", frame=frame, output={"n": 7})

        assert (await node.event("run.succeeded", "r"))["output"] == 7
    assert len(held.keys) == 1


async def test_a_worker_that_is_stopped_gives_back_what_it_has_in_hand(tmp_path: Path, site: Site) -> None:
    held, data = Held(), tmp_path / "lab"
    site["/"] = held
    async with node_of(data, left=("call-http",)) as node:
        await begin(node, "r", get(site))
        async with worker(data, "--queue", "call-http", "--allow-egress", site.allowance) as first:
            await held.has_come.wait()
            held.has_come.clear()
            async with worker(data, "--queue", "call-http", "--allow-egress", site.allowance):
                first.signal(signal.SIGTERM)
                async with asyncio.timeout(SECONDS):
                    await held.has_come.wait()
                held.may_go.set()
                assert await end_of(node, "r") == ("succeeded", {"n": 2})


async def test_calls_of_other_kinds_are_made_too(tmp_path: Path) -> None:
    insert = {"connection": "sqlite:///shop.db", "action": "insert", "table": "t", "values": {"a": 1}}
    shell = {"shell": {"command": "echo", "arguments": ["a b"]}, "return": "all"}
    async with node_of(tmp_path / "lab", may_run_programs=True) as node:
        await begin(node, "shell", {"run": shell})
        await begin(node, "sql", {"call": "database", "with": insert})

        assert await end_of(node, "shell") == ("succeeded", {"code": 0, "stdout": "a b\n", "stderr": ""})
        word, problem = await end_of(node, "sql")
        assert (word, problem["detail"]) == ("failed", "no such table: t")


async def test_problems_of_calls_tell_no_secret_of_the_call_itself(tmp_path: Path, site: Site) -> None:
    secret = "s3cr3tZ9planted"

    async def echo(request: web.Request) -> web.Response:
        raise web.HTTPBadRequest(
            reason=request.headers.get("Authorization", "none").replace(" ", "-"), text=secret
        )

    site["/echo"] = echo
    async with node_of(tmp_path / "lab", site.allowance) as node:
        for run, policy in {
            "basic": {"basic": {"username": "ann", "password": secret}},
            "bearer": {"bearer": {"token": secret}},
        }.items():
            uri = f"{site.url.replace('//', f'//ann:{secret}@')}/echo?token={secret}"
            await begin(
                node,
                run,
                {
                    "call": "http",
                    "with": {"method": "get", "endpoint": {"uri": uri, "authentication": policy}},
                },
            )
            word, problem = await end_of(node, run)
            assert word == "failed"
            assert secret not in json.dumps(problem)


async def test_a_worker_without_the_key_says_so_and_one_with_it_works(tmp_path: Path, site: Site) -> None:
    data, asks = tmp_path / "lab", get(site, headers={"X-Key": "${ $secrets.token }"})
    async with node_of(data, has_worker=False) as node:
        await keep(node, "token", "s3cr3tZ9planted")
        async with worker(data, "--queue", "expressions"):
            await begin(node, "r", asks)
            called = await node.event("run.called", "r")
        assert called["arguments"]["headers"]["X-Key"].startswith("covey-secret.token.")
        key = data / "keys" / "secrets.json"
        key.rename(tmp_path / "away")
        async with worker(data, "--allow-egress", site.allowance):
            word, problem = await end_of(node, "r")
            assert (word, "the key of the node" in problem["detail"]) == ("failed", True)
            (tmp_path / "away").rename(key)
            await begin(node, "again", asks)
            assert (await end_of(node, "again"))[0] == "succeeded"

    assert [one.headers["X-Key"] for one in site.asked] == ["s3cr3tZ9planted"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("worker", "run", "--queue", "nothing"), "there is no queue nothing"),
        (("worker", "run", "--allow-egress", "localhost"), "no CIDR[:PORT]"),
        (("up", "--leave", "nothing"), "there is no queue nothing"),
        (("up", "--allow-egress", "10.0.0.0/33"), "no CIDR[:PORT]"),
    ],
)
def test_what_is_no_queue_or_no_network_is_a_mistake(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = Covey(tmp_path / "lab").run(*words)

    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


async def drained(node: Operator, queue: str) -> None:
    """Return when nothing is in hand of a queue, and nothing waits."""
    while True:
        reply = await node.bus.request(f"$JS.API.CONSUMER.INFO.{TASKS}.{queue}", b"", {}, 5)
        found = json.loads(reply)
        if found["num_pending"] == found["num_ack_pending"] == 0:
            return
        await asyncio.sleep(WORK_ACK_WAIT_SECONDS / 10)


def files(data: Path) -> list[Path]:
    return [path for path in data.rglob("*") if path.is_file()]
