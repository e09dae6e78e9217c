"""Planted bugs: each breaks one promise of jobs, so that ``tests.sim.job_world`` must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from actors.jobs import job_effects, job_run, job_taking
from actors.jobs.job_state import State
from messages import job_run as said
from messages.envelope import Address
from tests.sim import job_world

Bug = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[str, Bug] = {}


def bug(plant: Bug) -> Bug:
    """List a bug under its name."""
    BUGS[plant.__name__] = plant
    return plant


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Break one thing as long as the context is open."""
    with pytest.MonkeyPatch.context() as patch:
        BUGS[name](patch)
        yield


@bug
def what_was_interrupted_is_started_again(patch: pytest.MonkeyPatch) -> None:
    """A run is started again whether it may be or not."""
    patch.setattr(State, "may_repeat", True)


@bug
def a_worker_starts_whatever_it_is_told(patch: pytest.MonkeyPatch) -> None:
    """A worker does not look whether it may start."""
    patch.setattr(job_world, "_may_start", lambda _outcome, _token: True)


@bug
def an_attempt_that_was_given_up_ends_it(patch: pytest.MonkeyPatch) -> None:
    """The end of any attempt is the end."""
    worked = job_run._worked

    def heedless(state: State, command: Any, turn: Any) -> Any:
        if isinstance(command, said.End) and not state.is_over:
            return [said.Ended(at=turn.at, result=command.result)]
        return worked(state, command, turn)

    patch.setattr(job_run, "_worked", heedless)


@bug
def an_end_that_is_heard_twice_is_told_twice(patch: pytest.MonkeyPatch) -> None:
    """What has ended ends again."""
    patch.setattr(State, "is_over", property(lambda _state: False))


@bug
def nobody_is_told_of_the_end(patch: pytest.MonkeyPatch) -> None:
    """The owner of a compute keeps to itself how a run has ended."""
    patch.setattr(job_effects, "_tell", lambda _state, _result, _turn: [])


@bug
def a_refusal_is_told_to_nobody(patch: pytest.MonkeyPatch) -> None:
    """What cannot be taken is not denied either."""
    patch.setattr(job_taking, "asker", lambda _of, _turn: Address("job_run", "nobody"))
