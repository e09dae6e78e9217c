"""Where a definition has expressions that only jq can read."""

from __future__ import annotations

from typing import Any

import pytest

from actors.definition.expressions import expressions


def document(**task: Any) -> dict[str, Any]:
    heading = {"dsl": "1.0.3", "namespace": "t", "name": "t", "version": "1.0.0", "summary": "${ .a | }"}
    return {"document": heading, "do": [{"one": {"metadata": {"note": "${ .a | }"}, **task}}]}


@pytest.mark.parametrize(
    ("task", "at", "text"),
    [
        ({"set": {"a": {"b": "${ .x | }"}}}, "set/a/b", ".x |"),
        ({"set": {"schema": "${ .x | }"}}, "set/schema", ".x |"),
        ({"set": {"metadata": "${ .x | }"}}, "set/metadata", ".x |"),
        ({"set": "${ nothing(.x) }"}, "set", "nothing(.x)"),
        ({"set": {"a": 1}, "if": ".a |"}, "if", ".a |"),
        ({"set": {"a": 1}, "if": "${ .a | }"}, "if", ".a |"),
        ({"set": {"a": 1}, "output": {"as": "${ [. }"}}, "output/as", "[."),
        ({"for": {"in": "[.a"}, "do": [{"two": {"set": {"a": 1}}}]}, "for/in", "[.a"),
        ({"for": {"in": ".a"}, "while": ".a ==", "do": [{"two": {"set": {"a": 1}}}]}, "while", ".a =="),
        ({"for": {"in": ".a"}, "do": [{"two": {"set": {"a": "${ foo }"}}}]}, "do/0/two/set/a", "foo"),
        ({"switch": [{"a/b": {"when": ".x ===", "then": "exit"}}]}, "switch/0/a~1b/when", ".x ==="),
        ({"try": [{"two": {"set": {"a": 1}}}], "catch": {"when": ".a |", "do": []}}, "catch/when", ".a |"),
        (
            {"try": [{"two": {"set": {"a": 1}}}], "catch": {"exceptWhen": "(", "do": []}},
            "catch/exceptWhen",
            "(",
        ),
    ],
)
def test_an_expression_that_is_not_plain_is_found_at_its_place(
    task: dict[str, Any], at: str, text: str
) -> None:
    assert expressions(document(**task)) == {f"/do/0/one/{at}": text}


@pytest.mark.parametrize(
    "task",
    [
        {"set": {"a": "${ .x.y }", "if": "hello |", "b": "$ {.a |}", "c": "a ${ .b | } c"}},
        {"for": {"each": "x", "in": ".a"}, "while": "$x < .a", "do": [{"two": {"set": "${ $x }"}}]},
        {"switch": [{"a": {"when": "${ .x == 1 }", "then": "exit"}}, {"b": {"then": "end"}}]},
        {"set": {"a": 1}, "input": {"schema": {"document": "${ .a | }"}}},
        {"set": {"a": 1}, "output": {"schema": {"document": {"const": "${ .a | }"}}}},
    ],
)
def test_what_is_plain_or_never_evaluated_is_left_out(task: dict[str, Any]) -> None:
    assert expressions(document(**task)) == {}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"do": 1},
        {"do": [1]},
        {"do": [{}]},
        {"do": [{"a": "do"}]},
        {"do": [{"a": {"do": 1}, "b": 2}]},
        {"do": [{"a": {"for": 1, "do": []}}]},
        {"do": [{"a": {"switch": [{"b": 1}]}}]},
        {"do": [{"a": {"try": [], "catch": 1}}]},
        {"do": [], "use": {"functions": [1]}},
        {"do": [{"a": {"set": "${ .x | }"}}, 1]},
    ],
)
def test_a_document_whose_tasks_cannot_be_told_is_left_to_its_own_check(broken: dict[str, Any]) -> None:
    assert expressions(broken) == {}
