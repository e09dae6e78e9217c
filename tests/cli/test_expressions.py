"""An expression that is none is told before anything is sent or run, with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cli.expressions import faults
from tests.cli.running import Node

Write = Callable[[str], str]

HEAD = "document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}\n"
WRONG = f"""{HEAD}do:
- one: {{set: {{n: "${{ .n | }}"}}}}
"""


def document(**task: Any) -> dict[str, Any]:
    heading = {"dsl": "1.0.3", "namespace": "t", "name": "t", "version": "1.0.0", "summary": "${ .a | }"}
    return {"document": heading, "do": [{"one": {"metadata": {"note": "${ .a | }"}, **task}}]}


@pytest.mark.parametrize(
    ("task", "at"),
    [
        ({"set": {"a": {"b": "${ .x | }"}}}, "set/a/b"),
        ({"set": "${ nothing(.x) }"}, "set"),
        ({"set": {"a": 1}, "if": ".a |"}, "if"),
        ({"set": {"a": 1}, "output": {"as": "${ [. }"}}, "output/as"),
        ({"for": {"in": "[.a"}, "do": [{"two": {"set": {"a": 1}}}]}, "for/in"),
        ({"for": {"in": ".a"}, "while": ".a ==", "do": [{"two": {"set": {"a": 1}}}]}, "while"),
        ({"for": {"in": ".a"}, "do": [{"two": {"set": {"a": "${ $item | foo }"}}}]}, "do/0/two/set/a"),
        ({"switch": [{"a": {"when": ".x ===", "then": "exit"}}]}, "switch/0/a/when"),
        ({"try": [{"two": {"set": {"a": 1}}}], "catch": {"when": ".a |", "do": []}}, "catch/when"),
        ({"try": [{"two": {"set": {"a": 1}}}], "catch": {"exceptWhen": "(", "do": []}}, "catch/exceptWhen"),
    ],
)
async def test_an_expression_that_is_none_is_told_with_its_place(task: dict[str, Any], at: str) -> None:
    (fault,) = await faults(document(**task))

    assert fault["at"] == f"/do/0/one/{at}"
    assert "is no expression of jq: " in fault["detail"]


@pytest.mark.parametrize(
    "task",
    [
        {"set": {"a": "${ .x | map(. + $y) | length }", "if": "hello |", "b": "$ {.a |}"}},
        {"for": {"each": "x", "in": "[range(3)]"}, "while": "$x < .a", "do": [{"two": {"set": "${ $x }"}}]},
        {"switch": [{"a": {"when": "${ .x == 1 }", "then": "exit"}}, {"b": {"then": "end"}}]},
        {"set": {"a": "${ last(range(1e12)) }"}},
    ],
)
async def test_what_is_one_or_is_no_expression_at_all_is_no_fault(task: dict[str, Any]) -> None:
    assert await faults(document(**task)) == []


def test_nothing_is_sent_of_a_workflow_with_an_expression_that_is_none(lab: Node, write: Write) -> None:
    applied = f"kind: workflow\nid: x-wrong\nname: X\ndefinition: {WRONG.replace(chr(10), chr(10) + '  ')}"
    applied = applied.replace("definition: document", "definition:\n  document")

    saved = lab.run("workflow", "save", "x-wrong", "-f", write(WRONG))
    both = lab.run("apply", "-f", write(applied))

    assert (saved.returncode, both.returncode) == (2, 2), both.stderr
    assert "line 3, /definition/do/0/one/set/n: .n | is no expression of jq: syntax error" in saved.stderr
    assert "/definition/do/0/one/set/n: .n | is no expression" in both.stderr
    assert lab.run("workflow", "get", "x-wrong").returncode == 1


def test_a_test_run_of_it_is_refused_with_its_line(lab: Node, write: Write) -> None:
    ran = lab.run("test", "run", write(WRONG))

    assert ran.returncode == 1
    assert "line 3, /do/0/one/set/n: .n | is no expression of jq" in ran.stderr
    assert "unexpected end of file (at its character 4)" in ran.stderr
    assert "1 fault" in ran.stderr


def test_a_run_of_many_actions_is_drawn_in_part(lab: Node, write: Write) -> None:
    many = f"{HEAD}do:\n- each: {{for: {{in: '[range(300)]'}}, do: [{{one: {{set: {{n: 1}}}}}}]}}\n"

    ran = lab.run("test", "run", write(many))

    assert ran.returncode == 0
    assert "and 101 more: --json has all" in ran.stdout
