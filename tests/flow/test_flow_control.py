"""Where a run goes on: then, switch, for, and what ends a list, a round, a branch, or all."""

import pytest

from messages.task_events import Iterated, TaskCancelled
from tests.flow.driver import play


def test_then_names_the_next_task_of_the_list() -> None:
    found = play("""
        - one: {set: {n: 1}, then: three}
        - two: {set: {n: "${ .n * 100 }"}, then: end}
        - three: {set: {n: "${ .n + 2 }"}, then: two}
    """)  # fmt: skip

    assert (found.output, found.ran()) == ({"n": 300}, ["one", "three", "two"])


def test_continue_goes_on_and_the_last_task_ends_the_list() -> None:
    found = play("""
        - one: {set: {n: 1}, then: continue}
        - two: {set: {n: "${ .n + 1 }"}, then: continue}
    """)  # fmt: skip

    assert found.output == {"n": 2}


def test_exit_ends_the_list_that_the_task_stands_in() -> None:
    found = play("""
        - outer:
            do:
              - one: {set: {n: 1}, then: exit}
              - never: {set: {n: 2}}
        - after: {set: {seen: "${ .n }"}}
    """)  # fmt: skip

    assert (found.output, found.ran()) == ({"seen": 1}, ["outer", "one", "after"])


def test_exit_in_the_outermost_list_ends_the_run() -> None:
    found = play("""
        output: {as: .n}
        do:
          - one: {set: {n: 1}, then: exit}
          - never: {set: {n: 2}}
    """)  # fmt: skip

    assert found.output == 1


def test_end_ends_the_run_from_however_deep_with_the_output_of_its_task() -> None:
    found = play("""
        output: {as: {told: "${ .n }"}}
        do:
          - outer:
              do:
                - inner: {do: [{deep: {set: {n: 1}, then: end}}, {never: {set: {n: 2}}}]}
              output: {as: .never}
          - after: {set: {n: 3}}
    """)  # fmt: skip

    assert (found.output, found.ran()) == ({"told": 1}, ["outer", "inner", "deep"])


def test_end_cancels_what_runs_beside_it() -> None:
    found = play("""
        - both:
            fork:
              branches:
                - slow: {do: [{sleep: {wait: PT1H}}]}
                - quick: {do: [{stop: {set: {n: 1}, then: end}}]}
    """)  # fmt: skip

    gone = [event.pointer for event in found.of(TaskCancelled)]
    assert (found.output, found.seconds) == ({"n": 1}, 0.0)
    assert gone == [
        "/do/0/both/fork/branches/0/slow/do/0/sleep",
        "/do/0/both/fork/branches/0/slow/do",
        "/do/0/both/fork/branches/0/slow",
    ]


def test_a_skipped_task_goes_on_with_the_next_one_whatever_its_then_says() -> None:
    found = play("""
        - check: {if: .age < 18, raise: {error: {type: too-young, status: 403}}, then: end}
        - bet: {set: {placed: true}}
    """, {"age": 20})  # fmt: skip

    assert found.output == {"placed": True}


def test_a_task_that_goes_back_is_a_loop() -> None:
    found = play("""
        - count: {set: {n: "${ .n + 1 }"}}
        - more: {switch: [{again: {when: .n < 4, then: count}}]}
    """, {"n": 0})  # fmt: skip

    assert found.output == {"n": 4}
    assert found.ran().count("count") == 4


@pytest.mark.parametrize(("colour", "next_"), [("red", "r"), ("green", "g"), ("blue", "other")])
def test_switch_goes_where_the_first_case_leads_that_holds(colour: str, next_: str) -> None:
    found = play("""
        - choose:
            switch:
              - red: {when: .c == "red", then: r}
              - also: {when: '.c == "red" or .c == "green"', then: g}
              - default: {then: other}
        - r: {set: {went: r}, then: end}
        - g: {set: {went: g}, then: end}
        - other: {set: {went: other}}
    """, {"c": colour})  # fmt: skip

    assert found.output == {"went": next_}


def test_a_case_without_a_condition_is_for_when_no_other_holds_wherever_it_stands() -> None:
    found = play("""
        - choose: {switch: [{default: {then: end}}, {red: {when: .red, then: r}}]}
        - r: {set: {went: r}}
    """, {"red": True})  # fmt: skip

    assert found.output == {"went": "r"}


def test_where_no_case_holds_the_then_of_the_switch_counts() -> None:
    text = """
        - choose: {switch: [{red: {when: .red, then: end}}], then: THEN}
        - next: {set: {went: next}, then: end}
        - last: {set: {went: last}}
    """

    assert play(text.replace("THEN", "last"), {}).output == {"went": "last"}
    assert play(text.replace(", then: THEN", ""), {}).output == {"went": "next"}


@pytest.mark.parametrize(
    ("then", "went"), [("exit", ["outer", "choose", "after"]), ("end", ["outer", "choose"])]
)
def test_a_case_may_exit_or_end(then: str, went: list[str]) -> None:
    found = play(f"""
        - outer: {{do: [{{choose: {{switch: [{{any: {{then: {then}}}}}]}}}}, {{never: {{set: {{a: 1}}}}}}]}}
        - after: {{set: {{a: 2}}}}
    """)  # fmt: skip

    assert found.ran() == went


def test_for_gives_each_round_the_output_of_the_one_before() -> None:
    found = play("""
        - loop:
            for: {in: .numbers}
            do:
              - add: {set: {sum: "${ .sum + $item }", places: "${ .places + [$index] }"}}
    """, {"numbers": [5, 6, 7]})  # fmt: skip

    assert found.output == {"sum": 18, "places": [0, 1, 2]}


def test_for_names_the_item_and_its_place_as_it_is_told() -> None:
    found = play("""
        - loop:
            for: {each: pet, at: place, in: "${ .pets }"}
            do: [{keep: {set: {last: "${ $pet.name }", at: "${ $place }"}}}]
    """, {"pets": [{"name": "a"}, {"name": "b"}]})  # fmt: skip

    assert found.output == {"last": "b", "at": 1}


def test_for_takes_a_list_that_is_written_there() -> None:
    found = play("""
        - loop:
            for: {each: c, in: [{name: red}, {name: "${ .x }"}]}
            do: [{keep: {set: {names: "${ .names + [$c.name] }"}}}]
    """, {"x": "blue"})  # fmt: skip

    assert found.output == {"names": ["red", "blue"]}


def test_for_over_nothing_puts_out_its_input() -> None:
    assert play("- loop: {for: {in: '[]'}, do: [{never: {set: {a: 1}}}]}", {"x": 1}).output == {"x": 1}


def test_for_over_what_is_no_list_is_a_validation_error() -> None:
    assert play("- loop: {for: {in: .x}, do: [{never: {set: {a: 1}}}]}", {"x": 1}).word == "validation"


def test_a_loop_goes_on_while_its_condition_holds_on_what_the_last_round_put_out() -> None:
    found = play("""
        - loop:
            for: {in: "[1, 2, 3, 4, 5]"}
            while: .sum < 5 and $item < 5
            do: [{add: {set: {sum: "${ .sum + $item }"}}}]
    """, {"sum": 0})  # fmt: skip

    assert found.output == {"sum": 6}
    assert len(found.of(Iterated)) == 3


def test_the_list_of_a_loop_is_evaluated_once() -> None:
    found = play("""
        - loop:
            for: {in: "[range(.n)]"}
            do: [{change: {set: {n: 100, rounds: "${ .rounds + 1 }"}}}]
    """, {"n": 3})  # fmt: skip

    assert found.output["rounds"] == 3
    assert sum("in" in ask.expressions for ask in found.asks) == 1


def test_loops_within_loops_see_the_names_of_both() -> None:
    found = play("""
        - rows:
            for: {each: row, at: r, in: "[[1, 2], [3]]"}
            do:
              - cells:
                  for: {each: cell, at: c, in: $row}
                  do: [{keep: {set: {seen: '${ .seen + ["\\($r)\\($c)=\\($cell)"] }'}}}]
    """, {})  # fmt: skip

    assert found.output == {"seen": ["00=1", "01=2", "10=3"]}


def test_exit_in_a_loop_ends_the_round_and_the_next_one_begins() -> None:
    found = play("""
        - loop:
            for: {in: "[1, 2, 3]"}
            do:
              - maybe: {switch: [{odd: {when: $item != 2, then: exit}}]}
              - keep: {set: {kept: "${ .kept + [$item] }"}}
    """, {})  # fmt: skip

    assert found.output == {"kept": [2]}


def test_a_name_of_a_loop_is_gone_after_it() -> None:
    found = play("""
        - loop: {for: {in: "[1]"}, do: [{keep: {set: {a: "${ $item }"}}}]}
        - after: {set: {a: "${ $item }"}}
    """)  # fmt: skip

    assert (found.word, found.problem.instance) == ("expression", "/do/1/after")


def test_the_output_of_a_loop_sees_its_last_item() -> None:
    found = play("""
        - loop:
            for: {in: "[1, 2]"}
            do: [{keep: {set: {a: "${ $item }"}}}]
            output: {as: "{ last: $item, a: .a }"}
    """)  # fmt: skip

    assert found.output == {"last": 2, "a": 2}
