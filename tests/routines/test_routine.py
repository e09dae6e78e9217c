"""A routine itself: what is saved, what is refused and where, and who it uses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.actor import ById, ByName, Known, Need, Order, Rejected, Summary, Turn
from actors.jobs.job import ACTOR as JOB
from actors.jobs.job import State as JobState
from actors.routines.routine import ACTOR
from messages import job, run
from messages.envelope import ACTOR as INTERNAL
from messages.envelope import OPERATOR, Address
from messages.routine import Delete, Run, Save
from messages.routine_run import Begin
from tests.routines.play import AT

JOBS = ("make", "sign", "verify")


def save(*steps: dict[str, Any], **more: Any) -> Save:
    return msgspec.convert({"steps": list(steps), **more}, Save)


def turn(command: Any, sender: str = OPERATOR, *, names: dict[str, str] | None = None) -> Turn:
    first = Turn(me=Address("routine", "nightly"), node="lab", message="m-1", at=AT, sender=sender)
    known: dict[Need, Known | None] = {}
    for need in ACTOR.needs(command, first):
        if isinstance(need, ById):
            known[need] = Known(need.id, Summary()) if need.id in JOBS else None
        elif isinstance(need, ByName):
            id = (names or {}).get(need.name)
            known[need] = Known(id, Summary()) if id else None
    return msgspec.structs.replace(first, known=known)


def state_after(*commands: Any) -> Any:
    state = ACTOR.initial
    for command in commands:
        state = ACTOR.replay([]) if state is None else state
        for event in ACTOR.decide(state, command, turn(command)):
            state = ACTOR.evolve(state, event)
    return state


def refusal(command: Any, state: Any = ACTOR.initial, **more: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        ACTOR.decide(state, command, turn(command, **more))
    return caught.value


KEYS = save({"job": "make"}, {"job": "make"}, {"job": "sign", "takes": {"k": "make-2/key.pem"}})


def test_a_routine_is_saved_with_an_id_for_each_step() -> None:
    state = state_after(KEYS)

    assert [step.id for step in state.content.steps] == ["make", "make-2", "sign"]
    assert ACTOR.uses(state) == {ById("job", "make"), ById("job", "sign")}
    assert ACTOR.decide(state, KEYS, turn(KEYS)) == []


def test_an_id_that_is_given_is_not_given_again() -> None:
    state = state_after(save({"job": "make"}, {"id": "make", "job": "sign"}, {"job": "make"}))

    assert [step.id for step in state.content.steps] == ["make-2", "make", "make-3"]


@pytest.mark.parametrize(
    ("steps", "code", "at"),
    [
        ([{"job": "make"}, {"job": "nothing"}], "unknown_job", "/steps/1/job"),
        ([{"id": "a", "job": "make"}, {"id": "a", "job": "sign"}], "duplicate_step", "/steps/1/id"),
        ([{"job": "make", "needs": ["sign"]}], "unknown_step", "/steps/0/needs/0"),
        ([{"job": "make", "takes": {"k": "sign/k"}}], "unknown_step", "/steps/0/takes/k"),
        (
            [{"job": "make"}, {"job": "sign", "takes": {"../k": "make/k"}}],
            "invalid_path",
            "/steps/1/takes/..~1k",
        ),
        (
            [{"job": "make"}, {"job": "sign", "takes": {"k": "make/a/../../k"}}],
            "invalid_path",
            "/steps/1/takes/k",
        ),
        ([{"job": "make", "needs": ["make"]}], "routine_cycle", "/steps"),
        ([{"job": "make", "needs": ["sign"]}, {"job": "sign"}], "routine_cycle", "/steps"),
        (
            [{"job": "make", "on": "centre/hpc"}, {"job": "sign", "takes": {"k": "make/k"}}],
            *("files_stay", "/steps/1/takes/k"),
        ),
    ],
)
def test_what_is_no_routine_is_refused_with_the_place(
    steps: list[dict[str, Any]], code: str, at: str
) -> None:
    no = refusal(save(*steps))

    assert (no.code, no.at) == (code, at)


def test_the_refusal_of_a_circle_shows_it_and_says_what_to_change() -> None:
    no = refusal(save({"job": "make", "needs": ["sign"]}, {"job": "sign"}))

    assert list(no.extra["flags"]) in (["make", "sign", "make"], ["sign", "make", "sign"])
    assert "sign does so by its place and mode (seq)" in no.detail


def test_a_routine_that_does_not_fit_into_a_message_is_refused() -> None:
    takes = {f"{'x' * 200}-{number}": f"make/{'y' * 200}" for number in range(100)}
    steps = [{"job": "make"}, *({"job": "sign", "takes": takes, "mode": "conc"} for _ in range(6))]

    assert refusal(save(*steps)).code == "too_large"


def test_files_of_a_step_at_an_own_compute_are_carried() -> None:
    own = save({"job": "make", "on": "lab/hpc"}, {"job": "sign", "on": "hpc", "takes": {"k": "make/k"}})

    assert state_after(own).generation == 1


def test_a_name_is_of_one_routine() -> None:
    no = refusal(save({"job": "make"}, name="Keys"), names={"Keys": "other"})

    assert (no.code, no.at) == ("already_exists", "/name")


def test_a_step_without_a_job_or_a_field_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$.steps\[0\]"):
        save({"id": "a"})
    with pytest.raises(msgspec.ValidationError, match="retry"):
        save({"job": "make", "retry": 3})


def test_a_run_has_what_the_routine_is_now_and_its_id_is_told() -> None:
    state = state_after(KEYS)
    command = Run(run="r-1")

    assert ACTOR.decide(state, command, turn(command)) == []
    (order,) = ACTOR.passes(state, command, turn(command))
    assert isinstance(order, Order)
    assert isinstance(order.command, Begin)
    assert (order.to, order.command.content) == (Address("routine_run", "r-1"), state.content)
    assert ACTOR.tells(state, command, turn(command)) == {"run": "r-1"}


def test_a_routine_that_there_is_not_is_not_run_and_who_waits_is_told() -> None:
    command = Run(reply_to=Address("run", "w"), reply_mark="2.1")
    no = refusal(command, sender=INTERNAL)

    (told,) = ACTOR.answer(command, no, turn(command))
    assert no.code == "not_found"
    assert isinstance(told, Order)
    assert isinstance(told.command, run.Faulted)


def test_only_a_run_has_the_end_told_to_itself() -> None:
    assert (
        refusal(Run(reply_to=Address("run", "w"), reply_mark="2.1"), state_after(KEYS)).code == "not_granted"
    )


def test_a_deleted_routine_uses_nothing_and_is_deleted_once() -> None:
    state = state_after(KEYS, Delete())

    assert ACTOR.uses(state) == frozenset()
    assert ACTOR.decide(state, Delete(), turn(Delete())) == []
    assert refusal(Delete()).code == "not_found"


def test_a_job_that_a_routine_uses_is_not_deleted() -> None:
    first = Turn(me=Address("job", "make"), node="lab", message="m-1", at=AT)
    (need,) = JOB.needs(job.Delete(), first)
    used = msgspec.structs.replace(first, users={need: [Known("nightly", Summary())]})
    state = JobState(content=job.Content(command="C"), executable="t", generation=1)

    with pytest.raises(Rejected, match="routine nightly"):
        JOB.decide(state, job.Delete(), used)
