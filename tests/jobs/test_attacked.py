"""A node whose jobs are hostile: all of them end, nothing of them is left, and it answers meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from statistics import median

import pytest

from bus.tasks import end
from tests.federation.stage import fresh
from tests.jobs.hostile import KINDS, scripts
from tests.jobs.local import begun, program
from tests.jobs.stage import marked
from tests.nodes import Operator, one_node

COUNT = 200 if os.environ.get("COVEY_SOAK") else 10
AT_EASE = 100
"""How often it is asked before."""
LIMITS = ("memory=256m", "processes=32", "output=1m", "file=8m", "disk=16m", "open_files=128")


async def test_a_node_that_is_attacked_by_its_jobs_goes_on(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    mark, outside = fresh("mark-attacked"), tmp_path / "outside"
    outside.mkdir()
    async with one_node(tmp_path / "lab", "lab", job_limits=LIMITS) as lab:
        python = await program(lab)
        at_ease = [await _asked(lab, number) for number in range(AT_EASE)]
        runs = [await _begun(lab, python, script, mark, str(outside)) for script in _chosen()]
        attacked: list[float] = []
        asking = asyncio.create_task(_keep_asking(lab, attacked))
        async with asyncio.timeout(30 + 3 * COUNT):
            ended = [await _ended(lab, run) for run in runs]
        await end([asking])
        health = await lab.ask("node", "health")

    assert {one["status"] for one in ended} <= {"success", "failure", "timeout"}
    assert not [one for one in ended if one["result"]["reason"] in ("cannot_start", "failed")]
    assert not [one for one in ended if "could not be ended" in one["result"]["detail"]]
    assert health["dead_letters"] == 0
    assert marked(mark) == []
    assert attacked
    figures = {"at ease": median(at_ease), "attacked": median(attacked)}
    for name, seconds in figures.items():
        record_property(f"a write takes, {name}", f"{seconds * 1000:.1f} ms")
    print(f"{COUNT} hostile jobs, a write at the median: {figures}, {len(attacked)} writes")


def _chosen() -> list[str]:
    return [script for _, script in scripts(COUNT if len(KINDS) <= COUNT else len(KINDS))][-COUNT:]


async def _begun(lab: Operator, executable: str, script: str, mark: str, outside: str) -> str:
    id = fresh("job")
    flags = ["-I", "-S", "-c"]
    await lab.done("command", id, "save", executable=executable, flags=flags)
    given = f"import sys; sys.argv = ['', {outside!r}, {mark!r}]\n{script}"
    await lab.done("job", id, "save", command=id, values={"-c": given}, timeout_seconds=1)
    return await begun(lab, id)


async def _ended(lab: Operator, run: str) -> dict[str, object]:
    told: dict[str, object] = {"result": None}
    while told["result"] is None:
        told = await lab.ask("job_run", "wait", run, timeout=20)
    return told


async def _asked(lab: Operator, number: int) -> float:
    """Return how long a write takes that is stored and answered."""
    began = time.perf_counter()
    await lab.done("resource", f"data-{number}", "save", name=f"{number} {began}", type="data")
    return time.perf_counter() - began


async def _keep_asking(lab: Operator, found: list[float]) -> None:
    while True:
        found.append(await _asked(lab, len(found) % AT_EASE))
