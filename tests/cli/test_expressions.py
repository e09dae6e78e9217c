"""An expression that is none is refused at save, and told before anything is tried, with its line."""

from __future__ import annotations

from collections.abc import Callable

from tests.cli.running import Node

Write = Callable[[str], str]

HEAD = "document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}\n"
WRONG = f"""{HEAD}do:
- one: {{set: {{n: "${{ .n | }}"}}}}
"""


def test_a_workflow_with_an_expression_that_is_none_is_refused_with_its_line(lab: Node, write: Write) -> None:
    applied = f"kind: workflow\nid: x-wrong\nname: X\ndefinition: {WRONG.replace(chr(10), chr(10) + '  ')}"
    applied = applied.replace("definition: document", "definition:\n  document")

    saved = lab.run("workflow", "save", "x-wrong", "-f", write(WRONG))
    both = lab.run("apply", "-f", write(applied))

    assert (saved.returncode, both.returncode) == (1, 1), both.stderr
    assert "line 3, /definition/do/0/one/set/n: .n | is no expression of jq: syntax error" in saved.stderr
    assert "/definition/do/0/one/set/n: .n | is no expression" in both.stderr
    assert lab.run("workflow", "get", "x-wrong").returncode == 1


def test_explain_tells_it_too(lab: Node, write: Write) -> None:
    applied = f"kind: workflow\nid: x-wrong\nname: X\ndefinition: {WRONG.replace(chr(10), chr(10) + '  ')}"

    told = lab.run("explain", "-f", write(applied.replace("definition: document", "definition:\n  document")))

    assert "is no expression of jq" in told.stdout + told.stderr


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
