"""Runs under some thousand faults: each ends as its dry run does, or cancelled, and does nothing twice."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random

import pytest

from actors.definition.check import check
from tests.sim.definitions import CHILD, Drawn
from tests.sim.report import first_failure
from tests.sim.run_bugs import BUGS, planted
from tests.sim.runs import play

SCHEDULES = int(os.environ.get("COVEY_SIM_SCHEDULES", "100"))
FIRST_SEED = int(os.environ.get("COVEY_SIM_SEED", "1"))
SHARE = 5
"""How many schedules a process takes at a time."""
SCHEDULES_FOR_A_BUG = 30


def test_runs_end_as_their_dry_runs_do_and_do_nothing_twice() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + SCHEDULES)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        failure = next((report for report in pool.map(play, seeds, chunksize=SHARE) if report.wrong), None)
        pool.shutdown(wait=False, cancel_futures=True)

    assert failure is None, str(failure)


def test_the_same_seed_gives_the_same_trace() -> None:
    assert play(3).digest == play(3).digest


def test_what_is_drawn_is_a_definition() -> None:
    drawn = Drawn(Random(5), has_children=True).document("flow", 8)

    assert check(drawn) == []
    assert check(Drawn(Random(5), has_children=False).document(CHILD, 2)) == []


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    with planted(name):
        failure = first_failure(play, range(1, SCHEDULES_FOR_A_BUG + 1))

    assert failure is not None, f"{name} was not found in {SCHEDULES_FOR_A_BUG} schedules"
    print(f"python -m tests.sim runs {failure.seed} {name}: {failure.wrong[0]}")
