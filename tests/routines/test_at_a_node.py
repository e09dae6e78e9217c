"""Routines of a real node, with real programs: files that are carried, tries, cancels, a node gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.federation.stage import fresh, in_own_task
from tests.jobs.local import begun as begun_job
from tests.jobs.local import job, program
from tests.jobs.local import over as ended_job
from tests.jobs.stage import marked
from tests.nodes import Operator, one_node

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = "import time; time.sleep(600)"
STEPS = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operator]:
    """A node that runs jobs."""
    async with in_own_task(one_node(tmp_path_factory.mktemp("routines") / "lab", "lab")) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def python(lab: Operator) -> str:
    """An executable that runs scripts."""
    return await program(lab)


async def begun(node: Operator, *steps: dict[str, Any], **more: Any) -> str:
    """Save a routine, begin a run of it, and return the id of that."""
    id = fresh("routine")
    await node.done("routine", id, "save", steps=list(steps), **more)
    run: str = (await node.done("routine", id, "run"))["extra"]["run"]
    return run


async def over(node: Operator, run: str) -> Any:
    """Wait until a run has ended, and return it."""
    await node.event("routine_run.ended", run)
    return await node.ask("routine_run", "get", run)


def steps_of(told: Any) -> dict[str, str]:
    return {step["id"]: step["status"] for step in told["steps"]}


async def test_a_file_of_one_step_is_there_for_the_next_byte_by_byte(lab: Operator, python: str) -> None:
    make = await job(lab, python, "open('out.bin', 'wb').write(bytes(range(256)) * 9000)")
    look = await job(
        lab, python, "import sys; d = open('in/x', 'rb').read(); sys.exit(d != bytes(range(256)) * 9000)"
    )

    told = await over(
        lab, await begun(lab, {"id": "make", "job": make}, {"job": look, "takes": {"in/x": "make/out.bin"}})
    )

    assert (told["status"], steps_of(told)) == ("success", {"make": "success", look: "success"})
    assert told["steps"][1]["how"]["files"] == []  # what it was given is not its own


async def test_a_failure_is_told_with_the_step_and_the_last_line(lab: Operator, python: str) -> None:
    bad = await job(lab, python, "import sys; sys.exit('no such star')")
    good = await job(lab, python, "print('never')")

    told = await over(lab, await begun(lab, {"id": "look", "job": bad}, {"id": "plot", "job": good}))

    assert steps_of(told) == {"look": "failure", "plot": "skipped"}
    assert told["reason"] == "look: the program ended with code 1: no such star"


async def test_a_step_is_tried_again_until_it_goes_well(lab: Operator, python: str) -> None:
    # the run of a job has nothing to remember an earlier one by, so it asks
    codes = iter([b"1"] * STEPS + [b"0"] * STEPS)

    async def tell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(next(codes))
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(tell, "127.0.0.1", 0) as server:
        where = server.sockets[0].getsockname()
        flaky = await job(
            lab, python, f"import socket, sys; sys.exit(int(socket.create_connection({where}).recv(1)))"
        )
        told = await over(
            lab, await begun(lab, *({"job": flaky, "mode": "conc", "retries": STEPS} for _ in range(STEPS)))
        )

    assert told["status"] == "success"
    assert next(codes, None) is None
    assert sum(step["attempt"] for step in told["steps"]) == 2 * STEPS


async def test_a_cancelled_routine_kills_what_runs(lab: Operator, python: str) -> None:
    mark = fresh("mark-routine")
    wait = await job(lab, python, f"'{mark}'; print('on', flush=True); {SLEEP}")
    run = await begun(lab, {"job": wait}, {"job": wait})
    started = await lab.event("routine_run.step_started", run)
    await lab.event("job_run.wrote", started["run"])

    await lab.done("routine_run", run, "cancel", reason="not needed")
    told = await over(lab, run)

    assert (told["status"], told["reason"]) == ("cancelled", "not needed")
    assert steps_of(told) == {wait: "cancelled", f"{wait}-2": "skipped"}
    assert marked(mark) == []


async def test_what_runs_is_what_the_routine_and_its_jobs_were_when_it_began(
    lab: Operator, python: str
) -> None:
    wait = await job(lab, python, "import time; time.sleep(1)")
    after = await job(lab, python, "open('first', 'w')")
    run = await begun(lab, {"id": "wait", "job": wait}, {"id": "after", "job": after})
    await lab.done("job", after, "save", command=after, values={"-c": "open('second', 'w')"})

    told = await over(lab, run)

    assert [file["name"] for file in told["steps"][1]["how"]["files"]] == ["first"]


async def test_a_job_that_a_routine_uses_is_not_deleted(lab: Operator, python: str) -> None:
    used, id = await job(lab, python, "print(1)"), fresh("routine")
    await lab.done("routine", id, "save", steps=[{"job": used}])

    refused = await lab.call("job", used, "delete")
    await lab.done("routine", id, "delete")

    assert (refused["code"], id in refused["detail"]) == ("in_use", True)
    await lab.done("job", used, "delete")


async def test_a_run_is_asked_for_by_its_routine_and_its_state(lab: Operator, python: str) -> None:
    quick, id = await job(lab, python, "print(1)"), fresh("routine")
    await lab.done("routine", id, "save", steps=[{"job": quick}])
    run = (await lab.done("routine", id, "run", run=fresh("run")))["extra"]["run"]
    await over(lab, run)

    found = await lab.ask("routine_run", "list", routine=id, state="success")
    waited = await lab.ask("routine_run", "wait", run, timeout=10)

    assert [one["id"] for one in found["items"]] == [run]
    assert waited["status"] == "success"


async def test_a_node_that_was_gone_goes_on_and_runs_no_finished_step_again(tmp_path: Path) -> None:
    data = tmp_path / "gone"
    async with one_node(data, "gone") as node:
        python = await program(node)
        first = await job(node, python, "import os; open('key', 'w').write(os.urandom(8).hex())")
        slow = await job(node, python, "import time; time.sleep(2)")
        last = await job(node, python, "print(open('k').read())")
        steps = [
            {"id": "first", "job": first},
            {"id": "slow", "job": slow},
            {"id": "last", "job": last, "takes": {"k": "first/key"}},
        ]
        run = await begun(node, *steps)
        await node.event("routine_run.step_ended", run)
        before = await node.ask("routine_run", "get", run)

    async with one_node(data, "gone") as node:
        told = await over(node, run)

    assert steps_of(before)["first"] == "success"
    assert told["status"] == "success"
    assert told["steps"][0] == before["steps"][0]


async def test_an_attempt_that_a_late_word_has_begun_is_made(lab: Operator, python: str) -> None:
    id = await job(lab, python, "import time; print('on', flush=True); time.sleep(1)")
    run = await begun_job(lab, id, may_repeat=True)
    await lab.event("job_run.wrote", run)

    await lab.done("job_run", run, "start", token="late", worker="gone")
    told = await ended_job(lab, run)

    assert (told["status"], told["attempt"]) == ("success", 3)


def calling(routine: str, **more: str) -> dict[str, Any]:
    """Return the definition of a workflow that runs a routine."""
    stands = {"dsl": "1.0.3", "namespace": "tests", "name": "routines", "version": "0.1.0"}
    return {"document": stands, "do": [{"go": {"call": "routine", "with": {"routine": routine, **more}}}]}


async def launched(node: Operator, routine: str) -> str:
    name = fresh("wf")
    await node.done("workflow", name, "save", name=name, definition=calling(routine))
    run: str = (await node.done("workflow", name, "launch"))["extra"]["run"]
    return run


async def ended(node: Operator, run: str) -> Any:
    await node.until(
        lambda one: one.subject.split(".")[-2:] in [[run, end] for end in ("succeeded", "failed")]
    )
    return await node.ask("run", "get", run)


async def test_a_workflow_runs_a_routine_and_goes_on_with_how_its_steps_ended(
    lab: Operator, python: str
) -> None:
    make, id = await job(lab, python, "open('f', 'w').write('x')"), fresh("routine")
    await lab.done("routine", id, "save", steps=[{"id": "make", "job": make}])

    told = await ended(lab, await launched(lab, id))

    assert told["status"] == "success"
    assert [one["name"] for one in told["output"]["steps"]["make"]["files"]] == ["f"]
    assert (await lab.ask("routine_run", "get", told["output"]["run"]))["status"] == "success"


async def test_a_workflow_is_told_why_a_routine_has_failed_or_that_there_is_none(
    lab: Operator, python: str
) -> None:
    bad, id = await job(lab, python, "import sys; sys.exit('no disk')"), fresh("routine")
    await lab.done("routine", id, "save", steps=[{"id": "look", "job": bad}])

    failed = await ended(lab, await launched(lab, id))
    none = await ended(lab, await launched(lab, "nothing"))

    assert failed["error"]["detail"] == "look: the program ended with code 1: no disk"
    assert failed["error"]["instance"] == "/do/0/go"
    assert "there is no routine nothing" in none["error"]["detail"]


async def test_a_workflow_that_is_given_up_cancels_its_routine(lab: Operator, python: str) -> None:
    wait, id = await job(lab, python, f"print('on', flush=True); {SLEEP}"), fresh("routine")
    await lab.done("routine", id, "save", steps=[{"job": wait}])
    run = await launched(lab, id)
    (found,) = (await lab.ask("routine_run", "list", routine=id))["items"]
    await lab.event("job_run.wrote", found["steps"][0]["run"])

    await lab.done("run", run, "cancel")

    assert (await over(lab, found["id"]))["status"] == "cancelled"


async def test_a_definition_that_calls_a_routine_otherwise_is_refused(lab: Operator) -> None:
    refused = await lab.call("workflow", fresh("wf"), "save", name="W", definition=calling("r", on="hpc"))

    assert "a call of a routine has routine" in str(refused)
