"""Timeouts: of a task, of all, of one within another, and of who never answers."""

import pytest

from messages.task_events import TaskCancelled
from tests.flow.driver import NEVER, answered, name, play, start

GET = "{call: http, with: {method: get, endpoint: 'https://a.test'}}"


def test_a_task_that_takes_too_long_fails() -> None:
    found = play("- slow: {wait: PT1H, timeout: {after: {seconds: 30}}}")

    assert (found.word, found.problem.status, found.problem.instance) == ("timeout", 408, "/do/0/slow")
    assert found.seconds == 30


def test_a_task_that_is_quick_enough_does_not() -> None:
    found = play("""
        - quick: {wait: PT29S, timeout: {after: PT30S}}
        - after: {wait: PT10S}
    """)  # fmt: skip

    assert (found.state.status, found.seconds) == ("success", 39.0)


def test_the_workflow_has_a_timeout_that_nothing_in_it_catches() -> None:
    found = play("""
        timeout: {after: PT10S}
        do:
          - guarded: {try: [{slow: {wait: PT1H}}], catch: {}}
    """)  # fmt: skip

    assert (found.word, found.problem.instance, found.seconds) == ("timeout", "", 10.0)
    assert [name(event.pointer) for event in found.of(TaskCancelled)] == ["slow", "try", "guarded", "do"]


@pytest.mark.parametrize("of", ["task", "workflow"])
def test_a_timeout_may_be_named(of: str) -> None:
    found = play(f"""
        use: {{timeouts: {{short: {{after: PT5S}}}}}}
        {"timeout: short" if of == "workflow" else ""}
        do:
          - slow: {{wait: PT1H{", timeout: short" if of == "task" else ""}}}
    """)  # fmt: skip

    assert (found.word, found.seconds) == ("timeout", 5.0)


def test_a_timeout_may_be_an_expression_on_the_input_of_the_task() -> None:
    found = play(
        '- slow: {input: {from: .of}, wait: PT1H, timeout: {after: "${ .limit }"}}', {"of": {"limit": "PT7S"}}
    )

    assert found.seconds == 7


@pytest.mark.parametrize(
    ("outer", "inner", "late"), [(10, 20, "/do/0/outer"), (20, 10, "/do/0/outer/do/0/inner")]
)
def test_of_timeouts_within_each_other_the_sooner_one_counts(outer: int, inner: int, late: str) -> None:
    found = play(f"""
        - outer:
            timeout: {{after: PT{outer}S}}
            do: [{{inner: {{timeout: {{after: PT{inner}S}}, do: [{{slow: {{wait: PT1H}}}}]}}}}]
    """)  # fmt: skip

    assert (found.problem.instance, found.seconds) == (late, 10.0)


def test_a_timeout_is_caught_like_other_errors() -> None:
    found = play("""
        - guarded:
            try: [{slow: {wait: PT1H, timeout: {after: PT5S}}}]
            catch:
              errors: {with: {type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout}}
              do: [{keep: {set: {s: "${ $error.status }"}}}]
    """)  # fmt: skip

    assert (found.output, found.seconds) == ({"s": 408}, 5.0)


def test_the_timeout_of_a_try_is_none_of_the_errors_that_it_catches() -> None:
    found = play("- guarded: {try: [{slow: {wait: PT1H}}], catch: {}, timeout: {after: PT5S}}")

    assert (found.word, found.problem.instance) == ("timeout", "/do/0/guarded")


def test_each_round_of_a_loop_has_the_whole_time() -> None:
    found = play("- loop: {for: {in: '[1, 2, 3]'}, do: [{nap: {wait: PT4S, timeout: {after: PT5S}}}]}", {})

    assert (found.state.status, found.seconds) == ("success", 12.0)


def test_a_loop_has_one_time_for_all_its_rounds() -> None:
    found = play("- loop: {for: {in: '[1, 2, 3]'}, timeout: {after: PT5S}, do: [{nap: {wait: PT4S}}]}", {})

    assert (found.problem.instance, found.seconds) == ("/do/0/loop", 5.0)


def test_a_call_that_is_answered_too_late_is_not_heard() -> None:
    found = start(f"- get: {{timeout: {{after: PT5S}}, {GET[1:]}")
    (call,) = found.dry.work
    found.dry.ring()

    assert found.word == "timeout"
    assert call.deadline == found.state.ended_at
    assert found.say(answered(call, "late")) == []


def test_the_deadline_of_a_call_is_the_soonest_above_it() -> None:
    found = start(f"""
        timeout: {{after: PT20S}}
        do: [{{outer: {{timeout: {{after: PT10S}}, do: [{{get: {{timeout: {{after: PT15S}}, {GET[1:]}}}]}}}}]
    """)  # fmt: skip
    (call,) = found.dry.work

    assert (call.deadline - found.dry.now).total_seconds() == 10


def test_a_call_that_nobody_answers_fails_in_the_end() -> None:
    found = play(f"- get: {GET}", None, lambda _: NEVER)

    assert (found.word, found.problem.instance, found.seconds) == ("timeout", "/do/0/get", 3600.0)


def test_how_long_an_answer_may_take_is_told_by_the_metadata() -> None:
    found = play(f"- get: {{metadata: {{answerWithin: PT2M}}, {GET[1:]}", None, lambda _: NEVER)

    assert found.seconds == 120


def test_a_child_run_may_take_as_long_as_it_likes() -> None:
    text = "- child: {run: {workflow: {namespace: n, name: other, version: 0.1.0}}}"
    found = play(text, None, lambda _: NEVER)

    assert found.state.status == "running"
    assert not found.dry.ring()
