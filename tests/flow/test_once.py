"""Calls that must not be made twice: when nobody knows whether they were made, somebody has to say."""

import pytest

from actors.actor import Rejected
from actors.flow.actor import ACTOR, status
from messages.run import Lost, Settle, Terminate
from messages.run_events import Event
from messages.task_events import Settled, Unsettled
from tests.flow.driver import Play, answered, faulted, problem, start

PAY = "{metadata: {once: true}, call: http, with: {method: post, endpoint: 'https://bank.test'}}"
TEXT = f"- pay: {PAY}\n- after: {{set: {{paid: '${{ . }}'}}}}"


def lost(text: str = TEXT) -> Play:
    """Return a run whose worker is gone."""
    found = start(text)
    (call,) = found.dry.work
    found.say(Lost(frame=call.frame, call=call.call))
    return found


def test_a_worker_is_told_that_it_may_make_a_call_only_once() -> None:
    assert [call.once for call in start(TEXT).dry.work] == [True]
    assert [call.once for call in start(TEXT.replace("once", "other")).dry.work] == [False]


def test_when_its_worker_is_gone_the_run_waits_for_a_person() -> None:
    found = lost()

    (event,) = found.of(Unsettled)
    assert (event.pointer, status(found.state)) == ("/do/0/pay", "suspended")
    assert ACTOR.view(found.state)["under_way"][0]["is_unsettled"]
    assert ACTOR.alarms(found.state) == {}


def test_a_person_says_what_came_of_it() -> None:
    found = lost()

    found.say(Settle(frame=found.dry.work[0].frame, output={"receipt": 1}))

    assert found.output == {"paid": {"receipt": 1}}
    assert [event.by for event in found.of(Settled)] == ["actor"]


def test_a_person_says_that_it_failed() -> None:
    handler = "do: [{tell: {set: {s: '${ $error.status }'}}}]"
    found = lost(f"- guarded: {{try: [{{pay: {PAY}}}], catch: {{{handler}}}}}")

    found.say(Settle(frame=found.dry.work[0].frame, problem=problem(status=402)))

    assert found.output == {"s": 402}


@pytest.mark.parametrize("is_answer", [True, False])
def test_a_worker_that_was_not_gone_after_all_is_heard(is_answer: bool) -> None:
    found = lost()
    (call,) = found.dry.work

    found.say(answered(call, 1) if is_answer else faulted(call))

    assert found.state.status == ("success" if is_answer else "failure")


def test_to_be_lost_twice_changes_nothing() -> None:
    found = lost()
    (call,) = found.dry.work

    assert found.say(Lost(frame=call.frame, call=call.call)) == []


def test_a_call_that_may_be_made_again_is_never_lost() -> None:
    assert lost(TEXT.replace("once", "other")).of(Unsettled) == []


def test_what_is_settled_or_was_never_lost_is_not_settled() -> None:
    found = lost()
    settle = Settle(frame=found.dry.work[0].frame, output=1)
    found.say(settle)

    for frame in (settle.frame, 1, 99):
        with pytest.raises(Rejected, match="state_conflict"):
            found.say(Settle(frame=frame))


def test_when_nobody_answers_a_person_has_to_say() -> None:
    found = start(TEXT)
    found.dry.work.clear()
    events: list[Event] = []
    while found.dry.ring():
        events = found.dry.events

    assert isinstance(events[-1], Unsettled)


def test_a_run_that_waits_for_a_person_can_be_terminated() -> None:
    found = lost()

    found.say(Terminate())

    assert found.state.status == "cancelled"
