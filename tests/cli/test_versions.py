"""Versions of what a workflow runs: made by each edit, compared, and gone back to."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from tests.cli.running import Node

Write = Callable[[str], str]

FIRST = """# a comment is on line 1
document: {dsl: 1.0.3, namespace: t, name: first, version: 1.0.0, title: Title of it}
do:
- one: {set: {n: 1}}
- two: {set: {n: 2}}
"""


def test_a_bare_definition_is_saved_under_the_name_that_it_gives_itself(lab: Node, write: Write) -> None:
    said = lab.done("workflow", "save", "v-bare", "-f", write(FIRST))
    saved = lab.json("workflow", "get", "v-bare")

    assert "saved" in said
    assert (saved["name"], saved["workflow_version"]) == ("Title of it", 1)
    assert saved["definition"] == yaml.safe_load(FIRST)


def test_a_bare_definition_changes_nothing_else_of_a_workflow(lab: Node, write: Write) -> None:
    lab.done("workflow", "save", "v-kept", "--name", "Kept", "--description", "as it was", "--label", "a=b")

    lab.done("workflow", "save", "v-kept", "-f", write(FIRST))
    lab.done("workflow", "save", "v-kept", "-f", write(FIRST), "--description", "another")

    saved = lab.json("workflow", "get", "v-kept")
    assert (saved["name"], saved["description"], saved["labels"]) == ("Kept", "another", {"a": "b"})
    assert saved["definition"]["do"]


def test_all_faults_are_told_with_their_pointers_and_lines(lab: Node, write: Write) -> None:
    wrong = FIRST.replace(
        "- one: {set: {n: 1}}", "- one:\n    set: {n: 1}\n    then: nowhere\n- x: {call: grpcc}"
    )
    inside = "name: V\ndefinition:\n" + "".join(f"  {line}\n" for line in wrong.splitlines())

    bare = lab.run("workflow", "save", "v-wrong", "-f", write(wrong))
    whole = lab.run("workflow", "save", "v-wrong", "-f", "-", given=inside)

    assert (bare.returncode, whole.returncode) == (1, 1)
    assert "line 6, /definition/do/0/one/then: there is no task nowhere" in bare.stderr
    assert "line 7, /definition/do/1/x/call: there is no function grpcc" in bare.stderr
    assert "line 8, /definition/do/0/one/then" in whole.stderr
    assert "invalid_definition" in bare.stderr


def test_versions_are_listed_shown_compared_and_gone_back_to(lab: Node, write: Write) -> None:
    second = FIRST.replace("- two: {set: {n: 2}}", "- two: {set: {n: 3}}\n- three: {set: {m: 1}}")
    second = second.replace("- one: {set: {n: 1}}\n", "")
    for text in (FIRST, second):
        lab.done("workflow", "save", "v-four", "-f", write(text), "--name", "Four")

    versions = lab.json("workflow", "versions", "v-four")
    one = yaml.safe_load(lab.done("workflow", "version", "v-four", "1", "--yaml"))
    changes = lab.json("workflow", "diff", "v-four", "1", "2")["changes"]
    drawn = lab.done("workflow", "diff", "v-four", "1", "2")
    back = lab.done("workflow", "roll-back", "v-four", "1")

    assert (versions["current"], [row["number"] for row in versions["versions"]]) == (2, [1, 2])
    assert one == yaml.safe_load(FIRST)
    assert [(change["what"], change["at"]) for change in changes] == [
        ("removed", "/definition/do/0/one"),
        ("changed", "/definition/do/0/two/set/n"),
        ("added", "/definition/do/1/three"),
    ]
    assert "~ /definition/do/0/two/set/n\n    - 2\n    + 3" in drawn
    assert "saved" in back
    assert lab.json("workflow", "version", "v-four", "3")["definition"] == one
    assert "they are the same" in lab.done("workflow", "diff", "v-four", "1", "3")


def test_what_is_not_kept_is_refused_with_what_is(lab: Node, write: Write) -> None:
    lab.done("workflow", "save", "v-five", "-f", write(FIRST), "--name", "Five")

    shown = lab.run("workflow", "version", "v-five", "7")
    rolled = lab.run("workflow", "roll-back", "v-five", "7")
    none = lab.run("workflow", "version", "v-five", "0")

    assert (shown.returncode, rolled.returncode, none.returncode) == (1, 1, 2)
    assert "version 7 is not kept; there are 1" in shown.stderr
    assert "unknown_version" in rolled.stderr
