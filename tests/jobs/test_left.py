"""What a run has left goes with it: at once where a worker listens, else when one starts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from messages.job import Input
from messages.job_run import File
from node.jobs import inputs
from node.jobs.kept import FLAT, KEPT_SECONDS_MAX, Kept
from node.jobs.worker import JOBS
from tests.jobs.local import begun, job, over, program
from tests.jobs.stage import until
from tests.nodes import Operator, one_node

LEAVES = "open('x', 'w').write('same'); print('y' * 9_000)"


def files(data: Path) -> dict[str, int]:
    """Return how many files are kept of each run."""
    found: dict[str, int] = {}
    for path in (data / "jobs" / "left").glob("*/*"):
        found[path.parent.name] = found.get(path.parent.name, 0) + 1
    return found


async def left(node: Operator, *runs: str) -> None:
    """Have runs that leave a file and a long output each."""
    id = await job(node, await program(node), LEAVES)
    for run in runs:
        await over(node, await begun(node, id, run=run))


async def fetched(node: Operator, run: str) -> Any:
    return await node.ask("job_run", "fetch", run, file="x")


async def test_what_a_deleted_run_has_left_is_removed_and_that_of_others_is_not(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as lab:
        await left(lab, "one", "two")
        assert files(tmp_path / "lab") == {"one": 2, "two": 2}

        await lab.done("job_run", "one", "delete")
        await until(lambda: "one" not in files(tmp_path / "lab"))

        assert files(tmp_path / "lab") == {"two": 2}
        assert "data" in await fetched(lab, "two")
        assert (await fetched(lab, "one"))["code"] == "not_found"


async def test_a_worker_that_starts_removes_what_was_deleted_while_none_listened(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as lab:
        await left(lab, "one", "two")
    async with one_node(tmp_path / "lab", "lab", left=(JOBS,)) as lab:
        await lab.done("job_run", "one", "delete")
    assert files(tmp_path / "lab") == {"one": 2, "two": 2}

    async with one_node(tmp_path / "lab", "lab") as lab:
        await until(lambda: "one" not in files(tmp_path / "lab"))

        assert files(tmp_path / "lab") == {"two": 2}
        assert "data" in await fetched(lab, "two")


def kept_of(directory: Path, run: str, text: str) -> tuple[Kept, File]:
    kept, path = Kept(directory), directory / "file"
    path.write_text(text)
    file = kept.one(run, path, "file")
    assert file is not None
    return kept, file


async def test_a_file_of_two_runs_outlives_the_first(tmp_path: Path) -> None:
    kept, file = kept_of(tmp_path, "one", "same")
    kept_of(tmp_path, "two", "same")

    kept.forget("one")
    kept.forget("one")

    assert kept.runs() == ["two"]
    assert kept.read("two", file.sha256, 0, 9) == b"same"


async def test_what_was_kept_by_digest_alone_is_still_read_and_taken(tmp_path: Path) -> None:
    kept, file = kept_of(tmp_path, "one", "old")
    (tmp_path / FLAT).mkdir()
    (tmp_path / "left" / "one" / file.sha256).rename(tmp_path / FLAT / file.sha256)
    taken = Input(path="in/old", sha256=file.sha256, size=file.size)

    await asyncio.to_thread(inputs.put, kept, [taken], tmp_path / "work")

    assert kept.read("one", file.sha256, 1, 9) == b"ld"
    assert (tmp_path / "work" / "in" / "old").read_text() == "old"


async def test_what_is_too_old_goes_with_its_directory(tmp_path: Path) -> None:
    kept, file = kept_of(tmp_path, "one", "old")
    at = (tmp_path / "left" / "one" / file.sha256).stat().st_mtime

    assert kept.thin(at + KEPT_SECONDS_MAX - 1) == 0
    assert kept.thin(at + KEPT_SECONDS_MAX + 1) == 1
    assert kept.runs() == []
