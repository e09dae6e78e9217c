"""A worker, and a node, that are killed in the midst of a job: it ends, and that is told once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.running import COVEY, environment
from tests.federation.stage import fresh
from tests.jobs.local import begun, job, over, program
from tests.jobs.stage import marked, until
from tests.nodes import Operator, operating

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
