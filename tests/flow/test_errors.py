"""Errors: raising them, catching them by what they are, and what comes after."""

import pytest

from actors.flow.errors import BASE
from messages.task_events import Caught, TaskFailed
from tests.flow.driver import play, problem

RAISE = "raise: {error: {type: 'https://a.test/errors/own', status: 422, title: Own, detail: 'of mine'}}"


def test_an_error_that_nobody_catches_ends_the_run_and_names_its_task() -> None:
    found = play(f"- outer: {{do: [{{broken: {{{RAISE}}}}}]}}")

    ended = found.problem
    assert (ended.type, ended.status, ended.title, ended.detail, ended.instance) == (
        "https://a.test/errors/own",
        422,
        "Own",
        "of mine",
        "/do/0/outer/do/0/broken",
    )
    assert [event.pointer for event in found.of(TaskFailed)] == ["/do/0/outer/do/0/broken", "/do/0/outer"]


def test_a_reusable_error_is_raised_with_its_expressions_evaluated() -> None:
    found = play("""
        use:
          errors:
            mine: {type: "${ .type }", status: 400, title: '${ "no \\(.what)" }', detail: "${ .n }"}
        do:
          - broken: {raise: {error: mine}}
    """, {"type": "https://a.test/x", "what": "luck", "n": 3})  # fmt: skip

    assert (found.problem.type, found.problem.title, found.problem.detail) == (
        "https://a.test/x",
        "no luck",
        "3",
    )


def test_an_error_may_say_where_it_comes_from() -> None:
    found = play("- broken: {raise: {error: {type: a, status: 400, instance: /elsewhere}}}")

    assert found.problem.instance == "/elsewhere"


def test_a_type_that_comes_to_no_text_is_an_expression_error() -> None:
    assert play('- broken: {raise: {error: {type: "${ .none }", status: 400}}}', {}).word == "expression"


def test_a_caught_error_is_handled_by_tasks_that_see_it() -> None:
    found = play(f"""
        - guarded:
            try: [{{broken: {{{RAISE}}}}}]
            catch:
              do: [{{keep: {{set: {{error: "${{ $error }}", given: "${{ .x }}"}}}}}}]
        - after: {{set: {{seen: "${{ .error.status }}", given: "${{ .given }}"}}}}
    """, {"x": 1})  # fmt: skip

    assert found.output == {"seen": 422, "given": 1}
    assert [event.pointer for event in found.of(Caught)] == ["/do/0/guarded"]


def test_without_tasks_a_caught_error_leaves_the_input() -> None:
    found = play(f"- guarded: {{try: [{{broken: {{{RAISE}}}}}], catch: {{}}}}", {"x": 1})

    assert found.output == {"x": 1}


def test_a_try_without_an_error_puts_out_what_its_tasks_do() -> None:
    assert play(
        "- guarded: {try: [{fine: {set: {a: 1}}}], catch: {do: [{never: {set: {b: 1}}}]}}"
    ).output == {"a": 1}


def test_the_error_has_the_name_that_it_is_given() -> None:
    found = play(f"""
        - guarded:
            try: [{{broken: {{{RAISE}}}}}]
            catch:
              as: oops
              when: $oops.status == 422
              do: [{{keep: {{set: {{s: "${{ $oops.title }}"}}}}}}]
    """)  # fmt: skip

    assert found.output == {"s": "Own"}


@pytest.mark.parametrize(
    ("with_", "is_caught"),
    [
        ("{type: 'https://a.test/errors/own'}", True),
        ("{type: own}", False),
        ("{status: 422}", True),
        ("{status: 421}", False),
        ("{title: Own}", True),
        ("{title: own}", False),
        ("{detail: of mine}", True),
        ("{detail: of}", False),
        ("{instance: /do/0/guarded/try/0/broken}", True),
        ("{instance: /do/0/guarded}", False),
        ("{status: 422, title: Own}", True),
        ("{status: 422, title: Other}", False),
    ],
)
def test_an_error_is_caught_by_each_member_that_is_named(with_: str, is_caught: bool) -> None:
    found = play(f"- guarded: {{try: [{{broken: {{{RAISE}}}}}], catch: {{errors: {{with: {with_}}}}}}}")

    assert found.state.status == ("success" if is_caught else "failure")


@pytest.mark.parametrize(
    "type_",
    [
        BASE + "communication",
        "https://open-workflow-specification.org/dsl/errors/types/communication",
        "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
        "https://serverlessworkflow.io/dsl/errors/types/communication",
    ],
)
def test_standard_types_are_known_under_all_their_addresses(type_: str) -> None:
    text = (
        f"- guarded: {{try: [{{get: HTTP}}], catch: {{errors: {{with: {{type: '{type_}', status: 503}}}}}}}}"
    )
    text = text.replace("HTTP", "{call: http, with: {method: get, endpoint: 'https://a.test'}}")

    assert play(text, None, {"get": problem()}).state.status == "success"
    assert play(text, None, {"get": problem(status=404)}).state.status == "failure"
    assert play(text, None, {"get": problem("timeout", 503)}).state.status == "failure"


@pytest.mark.parametrize(
    ("clause", "is_caught"),
    [
        ("when: $error.status == 422", True),
        ("when: .x > 1", False),
        ("when: .x == 1", True),
        ("exceptWhen: $error.status == 422", False),
        ("exceptWhen: .x > 1", True),
        ("when: .x == 1, exceptWhen: .x == 1", False),
        ("when: '$error.title | startswith(\"O\")', exceptWhen: '$error.detail | length > 20'", True),
    ],
)
def test_when_and_except_when_decide_on_the_error_and_the_input(clause: str, is_caught: bool) -> None:
    found = play(f"- guarded: {{try: [{{broken: {{{RAISE}}}}}], catch: {{{clause}}}}}", {"x": 1})

    assert found.state.status == ("success" if is_caught else "failure")


def test_an_error_in_a_handler_is_one_of_the_try() -> None:
    found = play(f"""
        - outer:
            try:
              - inner:
                  try: [{{broken: {{{RAISE}}}}}]
                  catch: {{do: [{{worse: {{raise: {{error: {{type: b, status: 500}}}}}}}}]}}
            catch: {{do: [{{keep: {{set: {{s: "${{ $error.status }}", i: "${{ $error.instance }}"}}}}}}]}}
    """)  # fmt: skip

    assert found.output == {"s": 500, "i": "/do/0/outer/try/0/inner/catch/do/0/worse"}


def test_what_the_inner_try_does_not_catch_the_outer_one_does() -> None:
    found = play(f"""
        - outer:
            try: [{{inner: {{try: [{{broken: {{{RAISE}}}}}], catch: {{errors: {{with: {{status: 1}}}}}}}}}}]
            catch: {{do: [{{keep: {{set: {{s: "${{ $error.status }}"}}}}}}]}}
    """)  # fmt: skip

    assert found.output == {"s": 422}


@pytest.mark.parametrize(
    ("then", "went"), [("last", ["last"]), ("end", []), ("exit", []), ("continue", ["next", "last"])]
)
def test_the_then_of_a_handler_counts_only_after_an_error(then: str, went: list[str]) -> None:
    text = """
        - guarded: {try: [{maybe: TASK}], catch: {then: THEN}, then: next}
        - next: {set: {a: 1}}
        - last: {set: {a: 2}}
    """.replace("THEN", then)

    assert play(text.replace("TASK", f"{{{RAISE}}}")).ran()[2:] == went
    assert play(text.replace("TASK", "{set: {b: 1}}")).ran()[2:] == ["next", "last"]


def test_an_error_of_an_expression_can_be_caught() -> None:
    found = play("""
        - guarded: {try: [{broken: {set: {a: "${ .x.y }"}}}], catch: {errors: {with: {status: 400}}}}
    """, {"x": 1})  # fmt: skip

    assert found.output == {"x": 1}


def test_an_error_in_a_loop_ends_the_loop() -> None:
    found = play("""
        - guarded:
            try:
              - loop:
                  for: {in: "[1, 2, 3]"}
                  do:
                    - check: {if: $item == 2, raise: {error: {type: a, status: 409}}}
                    - keep: {set: {n: "${ $item }"}, export: {as: "$context + [$item]"}}
            catch: {do: [{tell: {set: {kept: "${ $context }"}}}]}
    """)  # fmt: skip

    assert found.output == {"kept": [1]}


def test_an_answer_that_faults_without_a_place_gets_the_one_of_its_task() -> None:
    text = "- get: {call: http, with: {method: get, endpoint: 'https://a.test'}}"

    assert play(text, None, {"get": problem()}).problem.instance == "/do/0/get"


def test_the_run_of_a_definition_that_nobody_has_checked_fails_and_does_not_crash() -> None:
    found = play("- one: {set: {a: 1}, then: nowhere}", is_checked=False)

    assert found.word == "configuration"
