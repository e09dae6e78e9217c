"""Branches side by side: all of them, or the first."""

from messages.task_events import TaskCancelled, TaskEnded
from tests.flow.driver import NEVER, answered, name, play, problem, start

HTTP = "{call: http, with: {method: get, endpoint: 'https://a.test'}}"


def test_a_fork_puts_out_what_its_branches_do_in_their_order() -> None:
    found = play("""
        - both:
            fork:
              branches:
                - slow: {do: [{sleep: {wait: PT2S}}, {write: {set: {a: "${ .x }"}}}]}
                - quick: {set: {b: "${ .x + 1 }"}}
    """, {"x": 1})  # fmt: skip

    assert (found.output, found.seconds) == ([{"a": 1}, {"b": 2}], 2.0)
    assert next(name(event.pointer) for event in found.of(TaskEnded)) == "quick"


def test_branches_that_compete_put_out_what_the_first_one_does() -> None:
    found = play("""
        - race:
            fork:
              compete: true
              branches:
                - slow: {do: [{sleep: {wait: PT2S}}, {write: {set: {a: 1}}}]}
                - quick: {do: [{sleep: {wait: PT1S}}, {write: {set: {b: 1}}}]}
                - slowest: {wait: PT3S}
    """)  # fmt: skip

    assert (found.output, found.seconds) == ({"b": 1}, 1.0)
    assert [name(event.pointer) for event in found.of(TaskCancelled)] == ["sleep", "do", "slow", "slowest"]


def test_the_losers_of_a_race_are_not_heard_any_more() -> None:
    found = start(f"- race: {{fork: {{compete: true, branches: [{{a: {HTTP}}}, {{b: {HTTP}}}]}}}}")
    first, second = found.dry.work

    found.say(answered(second, "second"))

    assert found.output == "second"
    assert found.say(answered(first, "first")) == []


def test_a_branch_that_is_done_at_once_leaves_the_others_unbegun_where_they_compete() -> None:
    found = play(f"""
        - race: {{fork: {{compete: true, branches: [{{a: {{set: {{n: 1}}}}}}, {{b: {HTTP}}}]}}}}
    """)  # fmt: skip

    assert (found.output, found.calls) == ({"n": 1}, [])


def test_the_failure_of_a_branch_gives_up_the_rest_and_fails_the_fork() -> None:
    found = play(f"""
        - both:
            fork:
              branches:
                - waits: {{wait: PT1H}}
                - fails: {HTTP}
    """, None, {"fails": problem()})  # fmt: skip

    assert (found.problem.status, found.problem.instance) == (503, "/do/0/both/fork/branches/1/fails")
    assert [name(event.pointer) for event in found.of(TaskCancelled)] == ["waits"]
    assert found.seconds == 0


def test_the_failure_of_a_branch_can_be_caught_around_the_fork() -> None:
    found = play(f"""
        - guarded:
            try: [{{both: {{fork: {{branches: [{{waits: {{wait: PT1H}}}}, {{fails: {HTTP}}}]}}}}}}]
            catch: {{do: [{{keep: {{set: {{s: "${{ $error.status }}"}}}}}}]}}
    """, None, {"fails": problem()})  # fmt: skip

    assert (found.output, found.seconds) == ({"s": 503}, 0.0)


def test_the_failure_of_a_branch_that_is_caught_in_it_leaves_the_others_alone() -> None:
    found = play(f"""
        - both:
            fork:
              branches:
                - waits: {{do: [{{sleep: {{wait: PT1H}}}}, {{write: {{set: {{a: 1}}}}}}]}}
                - fails: {{try: [{{get: {HTTP}}}], catch: {{}}}}
    """, {"x": 1}, {"get": problem()})  # fmt: skip

    assert found.output == [{"a": 1}, {"x": 1}]


def test_the_failure_of_a_branch_ends_a_race_too() -> None:
    found = play(f"""
        - race: {{fork: {{compete: true, branches: [{{waits: {{wait: PT1H}}}}, {{fails: {HTTP}}}]}}}}
    """, None, {"fails": problem()})  # fmt: skip

    assert found.word == "communication"


def test_exit_in_a_branch_ends_the_branch() -> None:
    found = play("""
        - both:
            fork:
              branches:
                - one: {do: [{stop: {set: {a: 1}, then: exit}}, {never: {set: {a: 2}}}]}
                - two: {set: {b: 1}, then: exit}
        - after: {set: {seen: "${ . }"}}
    """)  # fmt: skip

    assert found.output == {"seen": [{"a": 1}, {"b": 1}]}


def test_branches_change_the_context_one_after_the_other() -> None:
    found = play("""
        - both:
            fork:
              branches:
                - one: {set: {a: 1}, export: {as: "$context + {one: .a}"}}
                - two: {set: {a: 2}, export: {as: "$context + {two: .a}"}}
        - after: {set: "${ $context }"}
    """)  # fmt: skip

    assert found.output in ({"one": 1, "two": 2}, {"two": 2}, {"one": 1})


def test_forks_in_forks_put_out_lists_in_lists() -> None:
    found = play("""
        - outer:
            fork:
              branches:
                - a: {fork: {branches: [{b: {set: {n: 1}}}, {c: {set: {n: 2}}}]}}
                - d: {fork: {compete: true, branches: [{e: {wait: PT1S}}, {f: {set: {n: 3}}}]}}
    """)  # fmt: skip

    assert found.output == [[{"n": 1}, {"n": 2}], {"n": 3}]


def test_a_fork_without_branches_puts_out_an_empty_list() -> None:
    assert play("- none: {fork: {branches: []}}").output == []


def test_calls_of_branches_are_under_way_at_the_same_time() -> None:
    found = start(f"- both: {{fork: {{branches: [{{a: {HTTP}}}, {{b: {HTTP}}}]}}}}", None, lambda _: NEVER)

    assert found.called() == ["a", "b"]
