"""Jobs on compute that is booked at a partner: let in, run, told, ended with the slot, refused by code."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from actors.jobs.job_effects import there
from tests.federation.stage import executions, fresh, in_own_task, instant, offer, once, planned, settled
from tests.federation.stage import workflow as described
from tests.jobs.local import begun, calling, job, over, program
from tests.jobs.stage import marked
from tests.nodes import Operator, federation

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = "import time; print('on', flush=True); time.sleep(600)"
SOON = 0.8


class Trio(NamedTuple):
    """A laboratory, a centre that offers it a program, and an observatory that it does not offer it to."""

    lab: Operator
    centre: Operator
    observatory: Operator
    program: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trio]:
    directory = tmp_path_factory.mktemp("booked")
    async with in_own_task(federation(directory, "lab", "centre", "observatory")) as nodes:
        name = fresh("python")
        await program(nodes[1], name, offered_to=["lab"])
        for node in (nodes[0], nodes[2]):
            await program(node, name, path="/nowhere/python")
        yield Trio(*nodes, await program(nodes[1], name, offered_to=["lab"]))


class Booked(NamedTuple):
    """A compute of the centre, and the execution that has it now."""

    compute: str
    execution: str


async def booked(trio: Trio, node: Operator | None = None, *, seconds: float = 600, **more: Any) -> Booked:
    """Book a compute of the centre from almost now on, and wait until it is the time."""
    node = node or trio.lab
    compute = await offer(trio.centre, *([] if node is trio.centre else [node]))
    on = compute if node is trio.centre else f"centre/{compute}"
    schedule = once(SOON, duration=f"PT{seconds:g}S", grace="PT10M")
    (execution,) = await executions(node, await planned(node, on, schedule=schedule, **more))
    await asyncio.sleep(max((instant(execution["start"]) - datetime.now(UTC)).total_seconds(), 0))
    return Booked(on, execution["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slot(trio: Trio) -> Booked:
    """A booking of the laboratory that lasts."""
    return await booked(trio)


async def made(trio: Trio, script: str, node: Operator | None = None, **more: Any) -> str:
    """Save a job of the program of the centre."""
    return await job(node or trio.lab, trio.program, script, **more)


async def refused(node: Operator, job: str, **more: Any) -> dict[str, Any]:
    """Begin a run and return how it is refused, at once or by the owner."""
    outcome = await node.call("job", job, "run", **more)
    if outcome["status"] == "rejected":
        return {"reason": outcome["code"], "detail": outcome["detail"]}
    told = await over(node, outcome["extra"]["run"])
    assert told["status"] == "refused"
    result: dict[str, Any] = told["result"]
    return result


async def test_it_runs_at_the_owner_and_all_of_its_end_comes_back(trio: Trio, slot: Booked) -> None:
    script = "import sys; print(open('in').read()); open('out.bin', 'wb').write(b'z' * 200_000); sys.exit(3)"
    id = await made(trio, script, working_files=[{"path": "in", "content": "given"}])

    run = await begun(trio.lab, id, on=slot.compute, execution=slot.execution)
    told = await over(trio.lab, run)

    result = told["result"]
    assert (told["status"], result["code"], result["stdout"]) == ("failure", 3, "given\n")
    assert [(one["name"], one["size"]) for one in result["files"]] == [("out.bin", 200_000)]
    there_ = await trio.centre.ask("job_run", "get", there("lab", run))
    assert (there_["node"], there_["run"], there_["execution"]) == ("lab", run, slot.execution)
    assert there_["argv"][0].startswith("/usr")
    found = b""
    while len(found) < 200_000:
        part = await trio.lab.ask("job_run", "fetch", run, file="out.bin", offset=len(found))
        found += base64.b64decode(part["data"])
    assert found == b"z" * 200_000


async def test_a_step_of_a_routine_runs_there(trio: Trio, slot: Booked) -> None:
    id, routine = await made(trio, "print('there')"), fresh("routine")
    await trio.lab.done("routine", routine, "save", steps=[{"id": "far", "job": id, "on": slot.compute}])

    run = (await trio.lab.done("routine", routine, "run"))["extra"]["run"]
    await trio.lab.event("routine_run.ended", run)

    (step,) = (await trio.lab.ask("routine_run", "get", run))["steps"]
    told = await trio.lab.ask("job_run", "get", step["run"])
    assert (step["status"], told["result"]["stdout"]) == ("success", "there\n")
    assert (await trio.centre.ask("job_run", "get", there("lab", step["run"])))["status"] == "success"


async def test_files_go_from_step_to_step_on_a_compute_of_our_own(trio: Trio) -> None:
    slot = await booked(trio, trio.centre)
    make = await made(trio, "open('key', 'w').write('secret')", trio.centre)
    look = await made(trio, "print(open('k').read())", trio.centre)
    routine = fresh("routine")
    steps = [
        {"id": "make", "job": make, "on": slot.compute},
        {"id": "here", "job": look, "takes": {"k": "make/key"}},
        {"id": "there", "job": look, "takes": {"k": "make/key"}, "on": slot.compute},
    ]
    await trio.centre.done("routine", routine, "save", steps=steps)

    run = (await trio.centre.done("routine", routine, "run"))["extra"]["run"]
    await trio.centre.event("routine_run.ended", run)

    told = (await trio.centre.ask("routine_run", "get", run))["steps"]
    assert [(step["id"], step["status"]) for step in told] == [(one["id"], "success") for one in steps], told


async def test_the_workflow_that_is_planned_runs_it_in_its_own_booking(trio: Trio) -> None:
    compute, id = await offer(trio.centre, trio.lab), fresh("wf")
    made_ = await made(trio, "print('public part')")
    on = f"centre/{compute}"
    said = described(id, on, schedule=once(SOON), definition=calling(made_, on=on))

    await trio.lab.done("workflow", id, "save", **said)
    await settled(trio.lab, id, "scheduled")
    (execution,) = await executions(trio.lab, id)
    await trio.lab.event("execution.succeeded", execution["id"])

    run = await trio.lab.ask("run", "get", execution["id"])
    assert run["output"]["stdout"] == "public part\n"


async def test_a_run_books_and_runs_its_job_there(trio: Trio) -> None:
    compute, id = await offer(trio.centre, trio.lab), fresh("wf")
    on = f"centre/{compute}"
    definition = calling(await made(trio, "print('booked')"), on=on)
    definition["do"].insert(
        0, {"slot": {"call": "book", "with": {"resource": on, "duration": {"minutes": 5}}}}
    )

    await trio.lab.done("workflow", id, "save", name=id, definition=definition)
    run = (await trio.lab.done("workflow", id, "launch"))["extra"]["run"]
    told = await trio.lab.becomes(lambda: trio.lab.ask("run", "get", run), lambda one: one["ended_at"])

    assert told["status"] == "success", told
    assert told["output"]["stdout"] == "booked\n"


async def test_without_an_execution_any_booking_of_the_node_will_do(trio: Trio, slot: Booked) -> None:

    run = await begun(trio.lab, await made(trio, "print(1)"), on=slot.compute)

    assert (await over(trio.lab, run))["status"] == "success"


async def test_an_own_compute_is_used_in_an_own_booking(trio: Trio) -> None:
    slot = await booked(trio, trio.centre)
    id = await made(trio, "import os; print(os.environ['MINE'])", trio.centre, environment={"MINE": "1"})

    run = await begun(trio.centre, id, on=slot.compute)

    assert (await over(trio.centre, run))["result"]["stdout"] == "1\n"


async def test_one_that_is_cancelled_is_ended_at_the_owner(trio: Trio, slot: Booked) -> None:
    mark = fresh("mark-booked")
    run = await begun(trio.lab, await made(trio, f"'{mark}';{SLEEP}"), on=slot.compute)
    await trio.centre.event("job_run.wrote", there("lab", run))

    await trio.lab.done("job_run", run, "cancel", reason="not needed")

    told = await over(trio.lab, run)
    assert (told["status"], told["result"]["detail"]) == ("cancelled", "not needed")
    assert marked(mark) == []


async def test_the_end_of_the_slot_ends_it(trio: Trio) -> None:
    slot, mark = await booked(trio, seconds=4), fresh("mark-booked")

    run = await begun(trio.lab, await made(trio, f"'{mark}';{SLEEP}"), on=slot.compute)

    told = await over(trio.lab, run)
    assert (told["status"], told["result"]["reason"]) == ("timeout", "slot_ended")
    assert marked(mark) == []


async def test_a_slot_that_its_owner_takes_back_ends_it(trio: Trio) -> None:
    slot, mark = await booked(trio), fresh("mark-booked")
    run = await begun(trio.lab, await made(trio, f"'{mark}';{SLEEP}"), on=slot.compute)
    await trio.centre.event("job_run.wrote", there("lab", run))
    compute = slot.compute.removeprefix("centre/")
    (line,) = (await trio.centre.ask("booking", "get", compute))["slots"]

    await trio.centre.done("booking", compute, "cancel", booking=line["booking"], reason="maintenance")

    told = await over(trio.lab, run)
    assert (told["status"], told["result"]["reason"]) == ("timeout", "slot_lost")
    assert told["result"]["detail"] == "maintenance"
    assert marked(mark) == []


async def test_the_end_of_its_execution_ends_it(trio: Trio) -> None:
    slot, mark = await booked(trio), fresh("mark-booked")
    run = await begun(trio.lab, await made(trio, f"'{mark}';{SLEEP}"), on=slot.compute)
    await trio.centre.event("job_run.wrote", there("lab", run))

    await trio.lab.done("execution", slot.execution, "cancel")

    assert (await over(trio.lab, run))["result"]["reason"] == "slot_lost"
    assert marked(mark) == []


async def test_without_a_booking_it_is_refused(trio: Trio) -> None:
    compute = await offer(trio.centre, trio.lab)

    result = await refused(trio.lab, await made(trio, "print(1)"), on=f"centre/{compute}")

    assert result["reason"] == "no_booking"


async def test_outside_of_its_slot_it_is_refused(trio: Trio) -> None:
    compute = await offer(trio.centre, trio.lab)
    id = await planned(trio.lab, f"centre/{compute}", schedule=once(3600))
    (execution,) = await executions(trio.lab, id)

    result = await refused(
        trio.lab, await made(trio, "print(1)"), on=f"centre/{compute}", execution=execution["id"]
    )

    assert result["reason"] == "outside_slot"
    assert "the slot is from" in result["detail"]


async def test_another_s_booking_is_refused(trio: Trio, slot: Booked) -> None:
    id = await made(trio, "print(1)", trio.observatory)

    result = await refused(trio.observatory, id, on=slot.compute, execution=slot.execution)

    assert result["reason"] == "not_owner"


async def test_what_is_not_offered_is_refused(trio: Trio) -> None:
    slot = await booked(trio, trio.observatory)
    id = await made(trio, "print(1)", trio.observatory)

    result = await refused(trio.observatory, id, on=slot.compute, execution=slot.execution)

    assert result["reason"] == "not_offered"


async def test_what_is_offered_no_longer_is_refused(trio: Trio, slot: Booked) -> None:
    name = fresh("python")
    await program(trio.centre, name, offered_to=["lab"])
    id = await job(trio.lab, await program(trio.lab, name), "print(1)")
    await program(trio.centre, name)

    assert (await refused(trio.lab, id, on=slot.compute))["reason"] == "not_offered"


async def test_an_executable_that_the_owner_does_not_have_is_refused(trio: Trio, slot: Booked) -> None:
    id = await job(trio.lab, await program(trio.lab, fresh("other")), "print(1)")

    assert (await refused(trio.lab, id, on=slot.compute))["reason"] == "unknown_executable"


async def test_flags_and_values_are_judged_by_the_owner_s_own_executable(trio: Trio, slot: Booked) -> None:
    name = fresh("python")
    flags = [{"flag": "-I"}, {"flag": "-S"}, {"flag": "-c", "requires_value": True, "value_type": "int"}]
    await program(trio.centre, name, offered_to=["lab"], parameters=flags)
    id = await job(trio.lab, await program(trio.lab, name), "print(1)")

    assert (await refused(trio.lab, id, on=slot.compute))["reason"] == "invalid_value"


async def test_a_partner_s_job_reaches_no_listener_of_the_owner_unless_the_offer_says_so(
    trio: Trio, slot: Booked
) -> None:
    name, hits = fresh("python"), []

    async def hit(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append(1)
        writer.close()

    async with await asyncio.start_server(hit, "127.0.0.1") as canary:
        port = canary.sockets[0].getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('reached')"
        id = await job(trio.lab, await program(trio.lab, name), script)
        results = []
        for more in ({}, {"network_to": ["lab"]}):
            await program(trio.centre, name, offered_to=["lab"], **more)
            results.append((await over(trio.lab, await begun(trio.lab, id, on=slot.compute)))["result"])

    assert (results[1]["stdout"], results[1]["network"]) == ("reached\n", True)
    if results[0]["network"]:
        pytest.skip("nothing can be kept from the network here")
    assert (results[0]["stdout"], results[0]["network"], len(hits)) == ("", False, 1)


async def test_an_environment_is_not_sent_to_a_partner(trio: Trio, slot: Booked) -> None:
    id = await made(trio, "print(1)", environment={"LD_PRELOAD": "./x.so"})

    assert (await refused(trio.lab, id, on=slot.compute))["reason"] == "environment_kept"


@pytest.mark.parametrize(("on", "code"), [("nowhere/x", "unknown_peer"), ("centre/x", "unknown_compute")])
async def test_a_compute_that_is_not_there_is_refused(trio: Trio, on: str, code: str) -> None:
    assert (await refused(trio.lab, await made(trio, "print(1)"), on=on))["reason"] == code


async def test_files_are_told_to_the_node_alone_that_ran_it(trio: Trio, slot: Booked) -> None:
    run = await begun(trio.lab, await made(trio, "open('f', 'w').write('x')"), on=slot.compute)
    await over(trio.lab, run)

    asked = {"id": f"centre/{there('lab', run)}", "file": "f"}
    ours, theirs = [await node.ask("job_run", "fetch", **asked) for node in (trio.lab, trio.observatory)]

    assert base64.b64decode(ours["data"]) == b"x"
    assert theirs["code"] == "not_found"


async def test_a_blocked_partner_is_refused_at_once(trio: Trio, slot: Booked) -> None:
    id = await made(trio, "print(1)")
    await trio.lab.done("peer", "centre", "block", reason="a test")

    result = await refused(trio.lab, id, on=slot.compute)

    assert result["reason"] == "peer_blocked"
    await trio.lab.done("peer", "centre", "resume")


async def test_an_owner_that_has_blocked_us_runs_nothing(trio: Trio, slot: Booked) -> None:
    id = await made(trio, SLEEP)
    await trio.centre.done("peer", "lab", "block", reason="a test")
    run = await begun(trio.lab, id, on=slot.compute)
    await trio.lab.done("job_run", run, "cancel")
    assert (await trio.lab.ask("job_run", "get", run))["status"] == "queued"
    assert (await trio.centre.ask("job_run", "get", there("lab", run)))["code"] == "not_found"

    await trio.centre.done("peer", "lab", "resume")

    assert (await over(trio.lab, run))["status"] == "cancelled"
