"""What must hold of jobs when all has come to rest: each has one end, told once, and ran once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from actors.jobs.job_effects import there
from tests.sim import invariants
from tests.sim.seen import Seen, Sight, look, read

if TYPE_CHECKING:
    from tests.sim.job_world import Begun, JobWorld

SHARED = (
    invariants.nothing_acknowledged_is_lost,
    invariants.versions_increase_by_one,
    invariants.all_is_said_and_heard,
    invariants.alarms_are_set,
    invariants.snapshots_are_the_journal,
)
UNREACHABLE = "unreachable"


def broken(world: JobWorld) -> list[str]:
    """Return what does not hold, each with the name of the promise."""
    seen = look(world)
    wrong = [f"{check.__name__}: {what}" for check in SHARED for what in check(seen)]
    for check in (_each_has_one_end, _both_say_the_same, _none_was_started_twice, _all_ran_that_could):
        wrong += [f"{check.__name__}: {what}" for what in check(world, seen)]
    return wrong


def _states(sight: Sight) -> dict[str, Any]:
    return sight.of("job_run")


def _each_has_one_end(_world: JobWorld, seen: Seen) -> Iterator[str]:
    for sight in seen.nodes.values():
        ends = Counter(row.id for row in sight.journal if row.type == "job_run.ended")
        for run, state in _states(sight).items():
            if state.result is None:
                yield f"{sight.name}: {run} is {state.status} for ever"
            forestalled = state.begun is None and state.taken is None
            if ends[run] != (0 if forestalled else 1):
                yield f"{sight.name}: the end of {run} is told {ends[run]} times"
        for handled in sight.inbox.values():
            outcome = read(handled.outcome)
            is_begun = (handled.kind, handled.verb, outcome.status) == ("job", "run", "done")
            if is_begun and outcome.extra["run"] not in _states(sight):
                yield f"{sight.name}: {outcome.extra['run']} was begun and is not there"


def _pairs(world: JobWorld, seen: Seen) -> Iterator[tuple[Begun, Any, Any]]:
    """Yield each run on booked compute, and what both nodes say of it."""
    theirs = _states(seen.nodes["centre"])
    for one in world.begun.values():
        state = _states(seen.nodes[one.node]).get(one.run)
        if one.is_placed and state is not None:
            yield one, state, theirs.get(there(one.node, one.run))


def _both_say_the_same(world: JobWorld, seen: Seen) -> Iterator[str]:
    for one, ours, theirs in _pairs(world, seen):
        if ours.result is None or ours.result.reason == UNREACHABLE:
            continue  # it was given up for a while that was too long
        if theirs is None or theirs.taken is None:
            if ours.result.state not in ("refused", "cancelled"):
                yield f"{one.run} is {ours.result.state}, and nobody has run it"
        elif theirs.result != ours.result:
            yield f"{one.run} is {ours.result.state} here, and {theirs.result} there"


def _none_was_started_twice(world: JobWorld, seen: Seen) -> Iterator[str]:
    repeatable = {(one.node, one.run) for one in world.begun.values() if one.may_repeat}
    repeatable |= {("centre", there(*pair)) for pair in set(repeatable)}
    for (node, run), count in Counter(world.started).items():
        if count > 1 and (node, run) not in repeatable:
            yield f"{node}: {run} was started {count} times"
        state = _states(seen.nodes[node])[run]
        if count > state.attempt:
            yield f"{node}: {run} was started {count} times, and {state.attempt} are known"


def _all_ran_that_could(world: JobWorld, seen: Seen) -> Iterator[str]:
    """What has ended well was started, and under the token that it tells."""
    started = set(world.started)
    for sight in seen.nodes.values():
        for run, state in _states(sight).items():
            is_success = state.result is not None and state.result.state == "success"
            if is_success and state.place is None and (sight.name, run) not in started:
                yield f"{sight.name}: {run} has ended well and was never started"
            if is_success and state.place is None and state.result.stdout != state.token:
                yield f"{sight.name}: {run} has ended by another attempt"
