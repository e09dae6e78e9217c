"""Three nodes in one process, some thousand faults, and what must hold after them."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest

from tests.sim.bugs import BUGS, planted
from tests.sim.replay import play
from tests.sim.report import first_failure

SCHEDULES = int(os.environ.get("COVEY_SIM_SCHEDULES", "300"))
FIRST_SEED = int(os.environ.get("COVEY_SIM_SEED", "1"))
SHARE = 5
"""How many schedules a process takes at a time."""
SCHEDULES_FOR_A_BUG = 50
SECONDS_MAX = 3600


@pytest.mark.timeout(SECONDS_MAX)
def test_what_was_promised_holds_after_every_schedule() -> None:
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
    with planted(name) as actors:
        failure = first_failure(partial(play, actors=actors), range(1, SCHEDULES_FOR_A_BUG + 1))

    assert failure is not None, f"{name} was not found in {SCHEDULES_FOR_A_BUG} schedules"
    print(f"python -m tests.sim {failure.seed} {name}: {failure.wrong[0]}")
