"""Routines under some thousand faults: each ends, in order, and runs no step that is over again."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from msgspec.structs import replace

from actors.routines import routine_going, routine_run
from tests.sim.report import first_failure
from tests.sim.routines import play

SCHEDULES = int(os.environ.get("COVEY_SIM_SCHEDULES", "100"))
FIRST_SEED = int(os.environ.get("COVEY_SIM_SEED", "1"))
SHARE = 5
SCHEDULES_FOR_A_BUG = 30


def test_routines_end_in_order_and_run_nothing_that_is_over_again() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + SCHEDULES)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        failure = next((report for report in pool.map(play, seeds, chunksize=SHARE) if report.wrong), None)
        pool.shutdown(wait=False, cancel_futures=True)

    assert failure is None, str(failure)


def test_the_same_seed_gives_the_same_trace() -> None:
    assert play(3).digest == play(3).digest


def _heeds_no_order(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(routine_going, "order", lambda steps: {step.id: frozenset() for step in steps})


def _heeds_no_bound(patch: pytest.MonkeyPatch) -> None:
    start = routine_going._start

    def eager(state: Any, *more: Any) -> Any:
        content = replace(state.begun.content, at_once=100)
        return start(replace(state, begun=replace(state.begun, content=content)), *more)

    patch.setattr(routine_going, "_start", eager)


def _repeats_what_is_once(patch: pytest.MonkeyPatch) -> None:
    run = routine_run._run

    def careless(*given: Any) -> Any:
        order = run(*given)
        return replace(order, command=replace(order.command, may_repeat=True))

    patch.setattr(routine_run, "_run", careless)


def _tries_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(routine_going, "_may_try", lambda _state, _step, result: result.state == "failure")


def _hears_of_any_try(patch: pytest.MonkeyPatch) -> None:
    """What another try has told counts for the present one, so that its own end is missed."""
    patch.setattr(routine_run, "_hear", lambda *_given: [])


BUGS: list[Callable[[pytest.MonkeyPatch], None]] = [
    *(_heeds_no_order, _heeds_no_bound, _repeats_what_is_once, _tries_for_ever, _hears_of_any_try),
]


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)

    failure = first_failure(play, range(1, SCHEDULES_FOR_A_BUG + 1))

    assert failure is not None
