"""Trying again: how often, after how long, and what comes when it does not help."""

from itertools import pairwise

import pytest

from messages.task_events import Called, Retried, TaskStarted
from tests.flow.driver import Play, play, problem

GET = "{call: http, with: {method: get, endpoint: 'https://a.test'}}"


def tried(policy: str, fails: int = 1_000, more: str = "", before: str = "") -> Play:
    """Play a try whose call fails so many times, and answers then."""
    left = [problem()] * fails

    def calls(_):
        return left.pop() if left else {"ok": True}

    return play(f"""
        {before}
        do:
          - guarded: {{try: [{{get: {GET}}}], catch: {{retry: {policy}{more}}}}}
          - after: {{set: {{seen: "${{ . }}"}}}}
    """, {"x": 1}, calls)  # fmt: skip


def pauses(found: Play) -> list[float]:
    """Return how long after each attempt the next one began, in seconds."""
    began = [event.at for event in found.of(TaskStarted) if event.pointer.endswith("/get")]
    return [(later - sooner).total_seconds() for sooner, later in pairwise(began)]


def test_it_is_tried_again_until_it_works() -> None:
    found = tried("{delay: PT3S, limit: {attempt: {count: 5}}}", fails=2)

    assert found.output == {"seen": {"ok": True}}
    assert [event.attempt for event in found.of(Retried)] == [2, 3]
    assert len(found.calls) == 3


def test_as_often_again_as_the_policy_says() -> None:
    found = tried("{limit: {attempt: {count: 5}}}")

    assert (found.problem.status, found.problem.instance) == (503, "/do/0/guarded/try/0/get")
    assert len(found.calls) == 6


@pytest.mark.parametrize("count", [0, 1])
def test_no_more_often_than_the_policy_says(count: int) -> None:
    assert len(tried(f"{{limit: {{attempt: {{count: {count}}}}}}}").calls) == 1 + count


@pytest.mark.parametrize(
    ("backoff", "seconds"),
    [
        ("", [3, 3, 3, 3]),
        (", backoff: {constant: {}}", [3, 3, 3, 3]),
        (", backoff: {linear: {}}", [3, 6, 9, 12]),
        (", backoff: {exponential: {}}", [3, 6, 12, 24]),
    ],
)
def test_the_pause_grows_as_the_backoff_says(backoff: str, seconds: list[float]) -> None:
    found = tried(f"{{delay: {{seconds: 3}}{backoff}, limit: {{attempt: {{count: 4}}}}}}")

    assert pauses(found) == seconds


def test_jitter_is_added_within_its_bounds_and_is_not_always_the_same() -> None:
    found = tried("{delay: PT10S, jitter: {from: PT1S, to: PT3S}, limit: {attempt: {count: 20}}}")

    assert all(11 <= pause <= 13 for pause in pauses(found))
    assert len(set(pauses(found))) > 10


def test_a_pause_is_bounded_however_it_grows() -> None:
    found = tried("{delay: P200D, backoff: {exponential: {}}, limit: {attempt: {count: 3}}}")

    assert pauses(found) == [200 * 86400, 365 * 86400, 365 * 86400]


def test_no_attempt_begins_after_the_limit_of_all() -> None:
    found = tried("{delay: PT10S, limit: {duration: PT35S}}")

    assert (len(found.calls), found.seconds) == (4, 30.0)


def test_an_attempt_that_takes_too_long_is_an_error_like_others() -> None:
    found = play("""
        - guarded:
            try: [{slow: {wait: PT1H}}]
            catch:
              retry: {delay: PT1S, limit: {attempt: {count: 2, duration: PT10S}}}
    """)  # fmt: skip

    assert (found.word, found.problem.instance, found.seconds) == ("timeout", "/do/0/guarded", 32.0)


def test_durations_of_a_policy_may_be_expressions() -> None:
    found = tried('{delay: "${ \\"PT\\" + (.x | tostring) + \\"M\\" }", limit: {attempt: {count: 2}}}')

    assert pauses(found) == [60, 60]


def test_a_policy_may_be_named() -> None:
    before = "use: {retries: {mine: {delay: PT1S, limit: {attempt: {count: 3}}}}}"

    assert len(tried("mine", before=before).calls) == 4


def test_when_it_does_not_help_the_handler_has_its_turn() -> None:
    found = tried("{limit: {attempt: {count: 1}}}", more=", do: [{keep: {set: {s: '${ $error.status }'}}}]")

    assert found.output == {"seen": {"s": 503}}


def test_when_it_does_not_help_the_run_goes_on_where_the_handler_says() -> None:
    found = tried("{limit: {attempt: {count: 1}}}", more=", then: end")

    assert (found.output, found.ran()[-1]) == ({"x": 1}, "get")


def test_without_a_handler_the_error_is_that_of_the_try() -> None:
    assert tried("{limit: {attempt: {count: 1}}}").state.status == "failure"


@pytest.mark.parametrize(
    ("clause", "calls"),
    [
        ("when: $error.status == 503", 3),
        ("when: $error.status == 504", 1),
        ("exceptWhen: $error.status == 503", 1),
        ("exceptWhen: .x > 1", 3),
    ],
)
def test_a_policy_decides_by_the_error_whether_to_try_again(clause: str, calls: int) -> None:
    assert len(tried(f"{{{clause}, limit: {{attempt: {{count: 2}}}}}}").calls) == calls


def test_an_error_that_is_not_caught_is_not_tried_again() -> None:
    found = play(f"""
        - guarded:
            try: [{{get: {GET}}}]
            catch: {{errors: {{with: {{status: 404}}}}, retry: {{limit: {{attempt: {{count: 9}}}}}}}}
    """, None, {"get": problem()})  # fmt: skip

    assert len(found.calls) == 1


def test_each_attempt_begins_with_the_input_of_the_try_and_calls_with_a_key_of_its_own() -> None:
    left = [{"n": 1}, problem(), {"n": 2}, {"done": True}]
    found = play("""
        - guarded:
            try:
              - one: {call: http, with: {method: post, endpoint: 'https://a.test', body: "${ . }"}}
              - two: {call: http, with: {method: post, endpoint: 'https://a.test', body: "${ . }"}}
            catch: {retry: {delay: PT1S}}
    """, {"x": 1}, lambda _: left.pop(0))  # fmt: skip

    assert [call.arguments["body"] for call in found.calls] == [{"x": 1}, {"n": 1}, {"x": 1}, {"n": 2}]
    assert len({call.key for call in found.calls}) == 4
    assert found.output == {"done": True}


def test_retries_in_retries_multiply() -> None:
    found = play(f"""
        - outer:
            try:
              - inner: {{try: [{{get: {GET}}}], catch: {{retry: {{limit: {{attempt: {{count: 1}}}}}}}}}}
            catch: {{retry: {{limit: {{attempt: {{count: 2}}}}}}}}
    """, None, {"get": problem()})  # fmt: skip

    assert len(found.of(Called)) == 6
