"""Routines of random steps: as a scheduler by brute force has them, and always at an end."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from actors.actor import Order, Rejected
from actors.routines import routine_graph
from messages import job_run, run
from messages import routine_run as said
from messages.envelope import Address
from messages.routine import Step
from tests.routines import model
from tests.routines.play import AT, End, Play, content, left, result

EXAMPLES = 3_000 if os.environ.get("COVEY_SOAK") else 120
NAMES = "abcdefgh"
STATES: tuple[job_run.Final, ...] = ("success", "failure", "timeout", "lost", "refused", "cancelled")


@some.composite
def graphs(draw: Any, *, most: int, is_acyclic: bool = True, **more: Any) -> list[Step]:
    names = NAMES[: draw(some.integers(1, most))]
    order = draw(some.permutations(names))
    steps = []
    for place, name in enumerate(names):
        others = order[: order.index(name)] if is_acyclic else order
        needs = draw(some.lists(some.sampled_from(others), unique=True, max_size=2)) if others else []
        takes = {"in": f"{draw(some.sampled_from(others))}/out"} if others and draw(some.booleans()) else {}
        mode = draw(some.sampled_from(("seq", "conc"))) if place else "seq"
        drawn = {key: draw(value) for key, value in more.items()}
        steps.append(Step(id=name, job=name, needs=tuple(needs), takes=takes, mode=mode, **drawn))
    if is_acyclic:  # in an order in which each may stand
        steps.sort(key=lambda step: order.index(step.id))
    return steps


@settings(max_examples=EXAMPLES, deadline=None)
@given(graphs(most=5, is_acyclic=False))
def test_a_routine_is_refused_exactly_when_no_order_of_its_steps_can_be(steps: list[Step]) -> None:
    if model.can_be(steps):
        routine_graph.check(steps, "lab")
        return
    with pytest.raises(Rejected, match="routine_cycle") as caught:
        routine_graph.check(steps, "lab")
    path = caught.value.extra["flags"]
    waits = routine_graph.order(steps)
    assert path[0] == path[-1]
    assert all(one in waits[other] for one, other in pairwise(path))


@settings(max_examples=EXAMPLES, deadline=None)
@given(graphs(most=8), some.integers(1, 4), some.sampled_from(("stop", "go_on")), some.data())
def test_steps_begin_when_and_end_as_a_scheduler_by_brute_force_has_it(
    steps: list[Step], at_once: int, on_failure: str, data: Any
) -> None:
    ends = {
        # in the last digits each sum of times says which steps it is of: no two end at one instant
        step.id: (data.draw(some.sampled_from(("success", "success", "failure"))),
                  1_000 * data.draw(some.integers(0, 5)) + 2**number)
        for number, step in enumerate(steps)
    }  # fmt: skip

    def script(id: str, _attempt: int) -> End:
        state, micros = ends[id]
        return End(left("out") if state == "success" else result("failure"), micros / 1e6)

    played = Play(content(*steps, at_once=at_once, on_failure=on_failure), script).begin().to_the_end()

    begun, over, micros = model.played(steps, ends, at_once, on_failure == "stop")
    starts = [one for one in played.events if isinstance(one, said.StepStarted)]
    assert [((one.at - AT) // timedelta(microseconds=1), one.step) for one in starts] == begun
    assert played.statuses == over
    assert played.status == ("success" if set(over.values()) == {"success"} else "failure")
    assert (played.now - AT) // timedelta(microseconds=1) == micros


TRYING = {
    "retries": some.integers(0, 3),
    "once": some.booleans(),
    "timeout_seconds": some.none() | some.integers(1, 30),
}


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    graphs(most=8, **TRYING),
    some.sampled_from(("stop", "go_on")),
    some.none() | some.integers(1, 60),
    some.none() | some.integers(0, 40),
    some.data(),
)
def test_whatever_happens_it_ends_and_no_step_began_before_its_needs_nor_twice_at_a_time(
    steps: list[Step], on_failure: str, whole: int | None, cancelled_at: int | None, data: Any
) -> None:
    def script(_id: str, _attempt: int) -> End:
        state = data.draw(some.sampled_from(STATES))
        seconds = data.draw(some.none() | some.integers(0, 20))
        return End(left("out") if state == "success" else result(state), seconds)

    bound = Play(content(*steps, at_once=2, on_failure=on_failure, timeout_seconds=whole), script)
    bound.begin(reply_to=Address("run", "w"), reply_mark="1.1")
    for number in range(1_000):
        if number == cancelled_at and not bound.state.ended:
            bound.say(said.Cancel())
        unbounded = [id for id, _ in bound.running.values() if _never_ends(bound, id)]
        if unbounded and len(unbounded) == len(bound.running) and not bound.state.stopping:
            bound.say(said.Cancel())  # nothing else would end it
        if not bound.advance():
            break

    assert bound.state.ended is not None
    assert bound.running == {}
    assert bound.most_at_once <= 2
    assert all(one.is_over for one in bound.state.steps.values())
    _check_order(bound)
    told = [one for one in bound.effects if isinstance(one, Order) and one.to.kind == "run"]
    assert len(told) == 1
    assert isinstance(told[0].command, run.Answered) == (bound.status == "success")


def _never_ends(played: Play, id: str) -> bool:
    run_ = played.state.steps[id].run
    return played.ends[run_][0] - played.now > timedelta(days=300)


def _check_order(played: Play) -> None:
    """See in the events that each step began after what it waits for, and each try after the one before."""
    waits = routine_graph.order(played.state.plan)
    needs = {step.id: routine_graph.needed(step) for step in played.state.plan}
    over: dict[str, str] = {}
    tries: dict[str, int] = {}
    for event in played.events:
        match event:
            case said.StepStarted():
                assert waits[event.step] <= over.keys()
                assert all(over[id] == "success" for id in needs[event.step])
                assert event.step not in over
                assert event.attempt == tries.get(event.step, 0) + 1
                tries[event.step] = event.attempt
            case said.StepEnded():
                assert event.step not in over
                over[event.step] = event.status
            case _:
                pass
    limits = {step.id: step.retries + 1 for step in played.state.plan}
    assert all(number <= limits[id] for id, number in tries.items())


def test_the_brute_force_knows_a_cycle_when_it_sees_one() -> None:
    by_need = [
        Step(id="a", job="a", needs=("b",), mode="conc"),
        Step(id="b", job="b", needs=("a",), mode="conc"),
    ]
    by_place = [Step(id="a", job="a", needs=("b",)), Step(id="b", job="b")]

    assert not model.can_be(by_need)
    assert not model.can_be(by_place)
    for steps in (by_need, by_place):
        with pytest.raises(Rejected, match="routine_cycle"):
            routine_graph.check(steps, "lab")
