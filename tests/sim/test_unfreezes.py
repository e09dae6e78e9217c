"""Workflows that want one repository at once, some thousand faults, and what must hold after them."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest

from tests.sim.played import play
from tests.sim.report import first_failure
from tests.sim.unfreeze_bugs import BUGS, planted

SCHEDULES = int(os.environ.get("COVEY_SIM_SCHEDULES", "200"))
FIRST_SEED = int(os.environ.get("COVEY_SIM_SEED", "1"))
SHARE = 10
"""How many schedules a process takes at a time."""
SCHEDULES_FOR_A_BUG = 500


def test_no_two_have_a_repository_and_none_is_left_in_between() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + SCHEDULES)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        failure = next((report for report in pool.map(play, seeds, chunksize=SHARE) if report.wrong), None)
        pool.shutdown(wait=False, cancel_futures=True)

    assert failure is None, str(failure)


@pytest.mark.parametrize("seed", [3, 17])
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    assert play(seed).digest == play(seed).digest


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    with planted(name) as kit:
        failure = first_failure(partial(play, kit=kit), range(1, SCHEDULES_FOR_A_BUG + 1))

    assert failure is not None, f"{name} was not found in {SCHEDULES_FOR_A_BUG} schedules"
    print(f"python -m tests.sim unfreezes {failure.seed} {name}: {failure.wrong[0]}")
