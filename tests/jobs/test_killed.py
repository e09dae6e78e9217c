"""A worker, and a node, that are killed in the midst of a job: it ends, and that is told once."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.jobs.job_effects import there
from bus.client import Heard
from tests.cli.running import COVEY, environment
from tests.federation.stage import copied, fresh, once, planned
from tests.jobs.local import begun, job, over, program
from tests.jobs.stage import marked, until
from tests.nodes import Operator, meet, one_node, operating

READY_SECONDS = 60.0


@asynccontextmanager
async def covey(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command line in a process of its own until it is ready, and at last kill it."""
    process = await asyncio.create_subprocess_exec(
        *COVEY, *words, "--json", env=environment(), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            assert json.loads(await process.stdout.readline())
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def sleeping(node: Operator, mark: str, **more: object) -> str:
    """Begin a run that goes on for ever the first time, and return it once it is at work."""
    script = (
        f"'{mark}'; import time, os; print('on', flush=True)\nif not os.fork(): os.setsid()\ntime.sleep(600)"
    )
    run = await begun(node, await job(node, await program(node), script), **more)
    await node.event("job_run.wrote", run)
    return run


async def gone(mark: str) -> None:
    """Wait until no process bears a mark."""
    await until(lambda: not marked(mark))


async def test_a_worker_that_is_killed_loses_its_job_and_another_tells_so(tmp_path: Path) -> None:
    data, mark = str(tmp_path / "lab"), fresh("mark-killed-worker")
    async with covey("up", "--node", "lab", "--data", data, "--leave", "jobs"), operating(Path(data)) as lab:
        async with covey("worker", "jobs", "--data", data, "--name", "first") as worker:
            run = await sleeping(lab, mark)
            worker.kill()
            await worker.wait()
        await gone(mark)

        async with covey("worker", "jobs", "--data", data, "--name", "second"):
            told = await over(lab, run)

        assert (told["status"], told["result"]["reason"]) == ("lost", "interrupted")
        assert _ends(lab, run) == 1
        assert not list((tmp_path / "lab" / "jobs" / "scratch").glob(f"{run}*/work"))


@pytest.mark.parametrize("may_repeat", [False, True])
async def test_a_node_that_is_killed_ends_its_job_and_tells_that_once(
    tmp_path: Path, may_repeat: bool
) -> None:
    data, mark = str(tmp_path / "lab"), fresh("mark-killed-node")
    async with covey("up", "--node", "lab", "--data", data) as node, operating(Path(data)) as lab:
        run = await sleeping(lab, mark, may_repeat=may_repeat)
        node.kill()
        await node.wait()
    await gone(mark)

    async with covey("up", "--node", "lab", "--data", data), operating(Path(data)) as lab:
        if may_repeat:
            await lab.event("job_run.started", run, attempt=2)
            await lab.done("job_run", run, "cancel")
        told = await lab.becomes(lambda: lab.ask("job_run", "get", run), lambda one: one["result"])
        history = (await lab.ask("job_run", "history", run))["events"]

    assert told["status"] == ("cancelled" if may_repeat else "lost")
    assert [event["type"] for event in history].count("job_run.ended") == 1
    await gone(mark)


def _ends(node: Operator, run: str) -> int:
    return sum(heard.subject.endswith(f".job_run.{run}.ended") for heard in node.heard)


@pytest.mark.skipif(not os.environ.get("COVEY_SOAK"), reason="COVEY_SOAK=1 has it run")
async def test_an_owner_that_is_killed_tells_the_end_once_when_it_is_back(tmp_path: Path) -> None:
    mark, name, compute = fresh("mark-killed-owner"), fresh("python"), fresh("hpc")
    at = {who: str(tmp_path / who) for who in ("lab", "centre")}
    async with (
        one_node(tmp_path / "lab", "lab") as lab,
        covey("up", "--node", "centre", "--data", at["centre"]) as process,
    ):
        async with operating(Path(at["centre"])) as centre:
            await meet(lab, centre)
            await program(centre, name, offered_to=["lab"])
            said = {"name": compute, "type": "compute", "capacity": 1, "public": True}
            await centre.done("resource", compute, "save", **said)
            await copied(lab, centre, "resource", compute)
            await planned(lab, f"centre/{compute}", schedule=once(0.8, duration="PT1H", grace="PT1H"))
            script = f"'{mark}'; import time; print('on', flush=True); time.sleep(600)"
            id = await job(lab, await program(lab, name), script)
            run = await _admitted(lab, id, f"centre/{compute}")
            await centre.event("job_run.wrote", there("lab", run))
        process.kill()
        await process.wait()
        await until(lambda: not marked(mark))

        async with covey("up", "--node", "centre", "--data", at["centre"]):
            told = await over(lab, run)

        assert (told["status"], told["result"]["reason"]) == ("lost", "interrupted")
        assert _ends(lab, run) == 1


async def _admitted(lab: Operator, id: str, on: str) -> str:
    """Begin a run, again until its slot has begun."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            run = await begun(lab, id, on=on)
            heard = await lab.until(lambda one, run=run: _is_decided(one, run))
            if heard.subject.endswith(".placed"):
                return run


def _is_decided(heard: Heard, run: str) -> bool:
    return heard.subject.split(".")[-2:] in ([run, "placed"], [run, "ended"])
