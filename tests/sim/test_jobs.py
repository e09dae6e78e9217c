"""Jobs under some thousand faults: each has one end, which all are told once, and runs once."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.sim.job_bugs import BUGS, planted
from tests.sim.job_world import play
from tests.sim.report import first_failure

SCHEDULES = int(os.environ.get("COVEY_SIM_SCHEDULES", "100"))
FIRST_SEED = int(os.environ.get("COVEY_SIM_SEED", "1"))
SHARE = 10
"""How many schedules a process takes at a time."""
SCHEDULES_FOR_A_BUG = 40


def test_each_job_has_one_end_and_it_is_told_once() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + SCHEDULES)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        failure = next((report for report in pool.map(play, seeds, chunksize=SHARE) if report.wrong), None)
        pool.shutdown(wait=False, cancel_futures=True)

    assert failure is None, str(failure)


def test_the_same_seed_gives_the_same_trace() -> None:
    assert play(3).digest == play(3).digest


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    with planted(name):
        failure = first_failure(play, range(1, SCHEDULES_FOR_A_BUG + 1))

    assert failure is not None, f"{name} was not found in {SCHEDULES_FOR_A_BUG} schedules"
    print(f"python -m tests.sim jobs {failure.seed} {name}: {failure.wrong[0]}")
