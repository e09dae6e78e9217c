"""Workers and nodes die at each step of a workflow, and at the same step again; it ends as if nothing was."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from actors.ephemeral.phased import ATTEMPTS_MAX
from actors.ephemeral.repo_moves import FILES_FAILED
from tests.fault.moving import Place, Stage, living, rooms, stage, steps
from tests.fault.process import CoveyProcess
from tests.workers.repository import commits

Chain = Sequence[str]
"""Where a process dies in one life after the other."""

LAST = ("after_workflow_begin_files", "after_workflow_commit")
"""Points that are reached once: the workflow is in another state by then."""
FIRST = [*steps("initialized")]
SECOND = [*steps("files_completed")]
RUNNERS = (FIRST[:3], FIRST[3:], SECOND[:3], SECOND[3:])

JOBS: dict[str, Chain] = {
    "u0": ["before_unfreeze"] * 2,
    "u1": ["before_unlock"] * 2,
    "u2": ["after_unlock"] * 2,
    "u3": ["after_shadow"] * 2,
    "u4": ["before_workflow_commit_files"] * 2,
    "u5": ["after_workflow_commit_files"],
    "u6": ["after_unfreeze"],
    "u7": ["before_unlock", *["before_workflow_retry_files"] * 2],
    "u8": ["before_unlock", *["after_workflow_retry_files"] * 2],
}
DUS: dict[str, tuple[Chain, int]] = {
    "d0": (["before_du"] * 2, 0),
    "d1": (["before_workflow_append"] * 2, 0),
    "d2": (["after_workflow_append", *["before_workflow_fail"] * 2], 1),
    "d3": (["before_workflow_commit", "after_workflow_fail"], 1),
    "d4": (["after_workflow_commit"], 0),
    "d5": (["after_du"], 0),
}
"""And the code of the workflow in the end."""
ENGINE = (["after_commit:1"] * 8, ["before_commit:2"] * 8)
"""In each of these lives a node writes one batch more."""

STARTS_MAX = 3
"""How many processes start at a time: each has a core for itself for half a second."""


def deaths(points: Sequence[str]) -> Chain:
    """Return the points, each twice where it is reached twice."""
    return [point for point in points for _ in range(1 if point in LAST else 2)]


async def die(victim: CoveyProcess, chain: Chain, starts: asyncio.Semaphore) -> None:
    """Let a process die in one life after the other."""
    for point in chain:
        async with starts:
            await victim.start(die_at=point)
        await victim.until_killed()


@asynccontextmanager
async def dying(victim: CoveyProcess, chain: Chain, starts: asyncio.Semaphore) -> AsyncIterator[None]:
    """Let a process die in one life after the other, and then live until the end of the block."""
    try:
        await die(victim, chain, starts)
        await victim.start()
        yield
    finally:
        await victim.end()


async def registry_worker_dies(room: Path, points: Sequence[str], starts: asyncio.Semaphore) -> list[str]:
    async with stage(room, "p", words=["--no-workers"]) as here:
        worker = here.worker("registry")
        async with living(worker):
            await here.freeze_all()
        async with living(here.files_worker(*here.places)):
            await here.unfreeze(here.places[0])
            async with dying(worker, deaths(points), starts):
                assert await here.code("unfreeze_repo", "u-p") == 0
        return await here.wrongs()


async def test_a_registry_worker_dies_at_each_step_twice(tmp_path: Path) -> None:
    starts = asyncio.Semaphore(STARTS_MAX)
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(registry_worker_dies(room, points, starts))
            for room, points in zip(rooms(tmp_path, len(RUNNERS)), RUNNERS, strict=True)
        ]

    assert [run.result() for run in runs] == [[]] * len(RUNNERS)


async def files_worker_dies(here: Stage, place: Place, chain: Chain, starts: asyncio.Semaphore) -> None:
    workflow = await here.unfreeze(place)
    async with dying(here.files_worker(place), chain, starts):
        assert await here.code("unfreeze_repo", workflow) == 0
    assert commits(here.node.data / "shadow", place.name) == [
        f"unfreeze {place.path}",
        f"freeze {place.path}",
    ]


async def du_dies(here: Stage, place: Place, case: tuple[Chain, int], starts: asyncio.Semaphore) -> None:
    chain, code = case
    await here.say("du_root", f"d-{place.name}", "init", **place.measure())
    async with dying(here.files_worker(place), chain, starts):
        assert await here.code("du_root", f"d-{place.name}") == code


async def files_workers_die_for_ever(here: Stage, place: Place, starts: asyncio.Semaphore) -> None:
    workflow = await here.unfreeze(place)
    async with dying(here.files_worker(place), ["before_unlock"] * ATTEMPTS_MAX, starts):
        assert await here.code("unfreeze_repo", workflow) == FILES_FAILED
    found = await here.ask("unfreeze_repo", workflow)
    assert found["message"] == "the worker was interrupted"
    assert (await here.ask("repo", place.name))["tier"] == "unfreeze_failed"


async def test_files_workers_die_at_each_step_twice(tmp_path: Path) -> None:
    starts = asyncio.Semaphore(STARTS_MAX)
    async with stage(tmp_path, *JOBS, *DUS, "poison") as here:
        places = {place.name: place for place in here.places}
        await here.freeze_all()

        async with asyncio.TaskGroup() as group:
            for name, chain in JOBS.items():
                group.create_task(files_worker_dies(here, places[name], chain, starts))
            for name, case in DUS.items():
                group.create_task(du_dies(here, places[name], case, starts))
            group.create_task(files_workers_die_for_ever(here, places["poison"], starts))

        assert await here.wrongs() == []


async def node_dies(room: Path, chain: Chain, starts: asyncio.Semaphore) -> list[str]:
    async with stage(room, "p") as here:
        place = here.places[0]
        await here.freeze_all()
        async with living(here.files_worker(place)):
            here.node.signal(signal.SIGSTOP)  # its server takes what it is told all the same
            await here.order("unfreeze_repo", "u-p", "init", **place.move())
            await here.order("du_root", "d-p", "init", **place.measure())
            await here.node.end()
            await die(here.node, chain, starts)
            await here.node.start()
            assert await here.code("unfreeze_repo", "u-p") == 0
            assert await here.code("du_root", "d-p") == 0
            assert (await here.ask("unfreeze_repo", "u-p"))["attempts"] == 0
        return await here.wrongs()


async def test_a_node_dies_at_each_step_twice(tmp_path: Path) -> None:
    starts = asyncio.Semaphore(STARTS_MAX)
    chains = [*map(deaths, RUNNERS), *ENGINE]
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(node_dies(room, chain, starts))
            for room, chain in zip(rooms(tmp_path, len(chains)), chains, strict=True)
        ]

    assert [run.result() for run in runs] == [[]] * len(chains)


async def test_of_two_workers_of_one_prefix_one_does_the_job(tmp_path: Path) -> None:
    async with stage(tmp_path, "p") as here:
        place = here.places[0]
        await here.freeze_all()

        async with living(here.files_worker(place), here.files_worker(place)):
            assert await here.code("unfreeze_repo", await here.unfreeze(place)) == 0

        made = commits(here.node.data / "shadow", "p")
        assert made == [f"unfreeze {place.path}", f"freeze {place.path}"]
        assert (await here.ask("unfreeze_repo", "u-p"))["attempts"] == 0


async def test_a_worker_that_comes_later_does_what_was_begun_before(tmp_path: Path) -> None:
    async with stage(tmp_path, "p", words=["--no-workers"]) as here:
        place = here.places[0]
        await here.say("freeze_repo", "f-p", "init", **place.move())
        await here.say("du_root", "d-p", "init", **place.measure())

        async with living(here.files_worker(place), here.worker("registry")):
            assert await here.code("freeze_repo", "f-p") == 0
            assert await here.code("du_root", "d-p") == 0

        assert await here.wrongs() == []


async def test_a_worker_that_wakes_after_another_has_finished_breaks_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, "p") as here:
        place = here.places[0]
        await here.freeze_all()
        sleeper, other = here.files_worker(place), here.files_worker(place)
        async with living(sleeper):
            sleeper.signal(signal.SIGSTOP)
            workflow = await here.unfreeze(place)
            await here.until_told("unfreeze_repo", workflow, "files_started")
            async with living(other):
                assert await here.code("unfreeze_repo", workflow) == 0
                await here.say("freeze_repo", "again", "init", **place.move())
                assert await here.code("freeze_repo", "again") == 0

            sleeper.signal(signal.SIGCONT)
            await here.say("unfreeze_repo", "once-more", "init", **place.move())
            assert await here.code("unfreeze_repo", "once-more") == 0

        assert await here.wrongs() == []
