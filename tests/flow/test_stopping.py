"""Pause, resume, cancel, terminate; and what comes late, twice, or for nobody."""

import pytest

from actors.actor import Rejected
from actors.flow.actor import ACTOR, status
from messages.base import Alarm
from messages.run import Begin, Cancel, Evaluated, Go, Pause, Resume, Terminate
from messages.run_events import Cancelled
from messages.task_events import Returned, TaskCancelled
from tests.flow.driver import answered, evaluated, faulted, name, start, workflow

GET = "{call: http, with: {method: get, endpoint: 'https://a.test'}}"
TWO = f"- one: {GET}\n- two: {GET}"


def test_an_answer_that_comes_while_it_is_paused_is_kept_and_nothing_begins() -> None:
    found = start(TWO)
    (call,) = found.dry.work

    found.say(Pause(reason="lunch"))
    events = found.say(answered(call, 1))

    assert [type(event) for event in events] == [Returned]
    assert (status(found.state), found.called()) == ("suspended", ["one"])


def test_it_goes_on_where_it_was_paused() -> None:
    found = start(TWO)
    (call,) = found.dry.work
    found.say(Pause())
    found.say(answered(call, 1))

    found.say(Resume())

    assert (status(found.state), found.called()) == ("running", ["one", "two"])


def test_values_and_instants_that_come_while_it_is_paused_are_kept() -> None:
    found = start("""
        - both:
            fork:
              branches:
                - a: {set: {n: "${ 1 + 1 }"}}
                - b: {wait: PT5S}
    """)
    (ask,) = found.dry.work
    found.say(Pause())
    found.say(evaluated(ask))
    found.dry.ring()

    found.say(Resume())

    assert found.output == [{"n": 2}, None]


def test_a_timeout_does_not_wait_for_the_end_of_a_pause() -> None:
    found = start("- slow: {wait: PT1H, timeout: {after: PT5S}}")
    found.say(Pause())
    found.dry.ring()

    found.say(Resume())

    assert found.word == "timeout"


def test_to_pause_and_to_resume_twice_changes_nothing() -> None:
    found = start("- slow: {wait: PT1H}")

    assert found.say(Resume()) == []
    assert len(found.say(Pause())) == 1
    assert found.say(Pause()) == []


def test_what_waits_is_cancelled_at_once() -> None:
    found = start("- outer: {do: [{slow: {wait: PT1H}}, {never: {set: {a: 1}}}]}")

    found.say(Cancel(reason="enough"))

    assert (found.state.status, found.state.reason, found.state.frames) == ("cancelled", "enough", {})
    assert [name(event.pointer) for event in found.of(TaskCancelled)] == ["slow", "do", "outer", "do"]
    assert ACTOR.alarms(found.state) == {}


def test_a_call_that_is_under_way_is_waited_for_before_a_run_is_cancelled() -> None:
    found = start(f"- both: {{fork: {{branches: [{{a: {GET}}}, {{b: {{wait: PT1H}}}}]}}}}\n- never: {GET}")
    (call,) = found.dry.work
    found.say(Cancel(reason="enough"))
    assert not found.state.is_over

    found.say(answered(call, 1))

    assert (found.state.status, found.called()) == ("cancelled", ["a"])
    assert [event.output for event in found.of(Returned)] == [1]


@pytest.mark.parametrize("ends", ["answer", "fault", "alarm"])
def test_however_the_last_call_ends_the_run_is_cancelled(ends: str) -> None:
    found = start(f"- guarded: {{try: [{{get: {GET}}}], catch: {{do: [{{never: {{set: {{a: 1}}}}}}]}}}}")
    (call,) = found.dry.work
    found.say(Pause())
    found.say(Cancel())

    if ends == "alarm":
        found.dry.ring()
    else:
        found.say(answered(call) if ends == "answer" else faulted(call))

    assert found.state.status == "cancelled"


def test_to_terminate_waits_for_nothing() -> None:
    found = start(TWO)
    (call,) = found.dry.work
    found.say(Cancel())

    found.say(Terminate(reason="now"))

    assert (found.state.status, found.state.reason) == ("cancelled", "now")
    assert found.say(answered(call)) == []


def test_to_cancel_or_terminate_twice_changes_nothing() -> None:
    found = start(TWO)
    found.say(Cancel())
    assert found.say(Cancel()) == []
    found.say(Terminate())

    assert found.say(Terminate()) == found.say(Cancel()) == []
    assert len(found.of(Cancelled)) == 1


@pytest.mark.parametrize("command", [Pause(), Resume(), Cancel(), Terminate()])
def test_what_has_ended_is_not_stopped(command: object) -> None:
    found = start("- one: {set: {a: 1}}")

    with pytest.raises(Rejected, match="state_conflict"):
        found.say(command)


def test_an_answer_that_comes_twice_changes_nothing() -> None:
    found = start(TWO)
    (call,) = found.dry.work
    found.say(answered(call, 1))

    assert found.say(answered(call, 2)) == found.say(faulted(call)) == []


def test_values_that_come_twice_or_for_an_earlier_question_change_nothing() -> None:
    found = start('- one: {set: {n: "${ 1 + 1 }"}}\n- two: {set: {n: "${ 2 + 2 }"}}')
    (ask,) = found.dry.work
    found.say(evaluated(ask))

    assert found.say(evaluated(ask)) == []
    assert found.say(Evaluated(frame=4, ask=9, values={})) == []


def test_an_instant_that_is_not_wanted_changes_nothing() -> None:
    found = start("- slow: {wait: PT5S}\n- slower: {wait: PT9S}")
    ((first, due),) = ACTOR.alarms(found.state).items()

    for alarm in ("due-99", "deadline-3", "answer-3", "due-x", "other"):
        assert found.say(Alarm(name=alarm, due=due)) == []
    assert found.say(Alarm(name=first, due=found.dry.now)) == []
    assert len(found.say(Alarm(name=first, due=due))) > 1
    assert found.say(Alarm(name=first, due=due)) == []


def test_what_was_never_begun_is_not_found() -> None:
    found = start("- one: {set: {a: 1}}")
    found.dry.state = ACTOR.initial

    for command in (Pause(), Go(), Evaluated(frame=1, ask=1)):
        with pytest.raises(Rejected, match="not_found"):
            found.say(command)


def test_to_begin_twice_changes_nothing_and_to_begin_another_is_refused() -> None:
    text = "- slow: {wait: PT1H}"
    found = start(text, {"a": 1})

    assert found.say(Begin(workflow="dry", definition=workflow(text), input={"a": 1})) == []
    with pytest.raises(Rejected, match="already_exists"):
        found.say(Begin(workflow="dry", definition=workflow(text), input={"a": 2}))
