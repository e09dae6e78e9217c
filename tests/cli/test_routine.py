"""Routines: saved, run, followed, shown, listed, cancelled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Node, up

EXECUTABLE = """tag: sh - 1
path: /bin/sh
parameters:
- {flag: -c, requires_value: true, value_type: string}
"""
JOBS = {
    "make": "echo made > out.txt",
    "read": "cat in.txt",
    "bad": "echo the disk is full >&2; exit 3",
    "wait": "sleep 600",
}
ROUTINES = {
    "fine": "steps: [{job: make}, {job: read, takes: {in.txt: make/out.txt}}]",
    "fails": "steps: [{job: bad, retries: 1}, {job: make}]",
    "long": "steps: [{job: wait}, {job: make}]",
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of this module's own, with jobs of a shell."""
    directory = tmp_path_factory.mktemp("routines")
    with up(directory / "lab", "lab") as lab:
        for name, text in {"sh": EXECUTABLE, **ROUTINES}.items():
            (directory / f"{name}.yaml").write_text(text)
        lab.done("executable", "save", "sh-1", "-f", str(directory / "sh.yaml"))
        lab.done("command", "save", "sh", "--executable", "sh-1", "--set", 'flags=["-c"]')
        for name, script in JOBS.items():
            lab.done("job", "save", name, "--command", "sh", "--set", f"values.-c={json.dumps(script)}")
        for name in ROUTINES:
            lab.done("routine", "save", name, "-f", str(directory / f"{name}.yaml"))
        yield lab


def test_a_run_is_followed_to_its_end(node: Node) -> None:
    ran = node.run("routine", "run", "fine", "--run", "f-1", "--follow")

    words = [line.split()[1:3] for line in ran.stdout.splitlines()]
    assert words == [
        ["begun", "fine,"],
        *(["started", "make"], ["success", "make"], ["started", "read"], ["success", "read"]),
        ["ended", "success"],
    ]
    assert (ran.returncode, "run f-1: success" in ran.stderr) == (0, True)


def test_a_failure_is_waited_for_with_its_reason(node: Node) -> None:
    ran = node.run("routine", "run", "fails", "--wait", "--json")

    told = json.loads(ran.stdout)
    assert (ran.returncode, told["status"]) == (1, "failure")
    assert told["reason"] == "bad: the program ended with code 3: the disk is full"
    assert told["steps"][0]["attempt"] == 2


def test_it_is_shown_as_steps_with_their_times(node: Node) -> None:
    node.run("routine", "run", "fails", "--run", "s-1", "--wait")
    node.run("routine", "run", "fine", "--run", "s-2", "--wait")

    failed = node.done("routine", "show", "s-1")
    fine = node.done("routine", "show", "s-2")

    assert "2 attempts  failure: the program ended with code 3: the disk is full" in failed
    assert "make  job make  skipped" in failed
    assert "░" in failed
    assert "↻" in failed
    assert '{"in.txt":"make/out.txt"}' in fine
    assert "needs make" in fine
    assert node.json("routine", "show", "s-2")["done"] == 2


def test_a_run_is_cancelled_and_listed_as_that(node: Node) -> None:
    node.done("routine", "run", "long", "--run", "c-1")
    assert node.run("routine", "wait", "c-1", "--for", "0.1").returncode == 1
    assert "to come: make" in node.done("routine", "show", "c-1")

    node.done("routine", "cancel", "c-1", "--reason", "not needed")
    waited = node.run("routine", "wait", "c-1")

    assert (waited.returncode, "run c-1: cancelled: not needed" in waited.stderr) == (1, True)
    found = node.json("routine", "runs", "--routine", "long", "--status", "cancelled")
    assert [one["id"] for one in found["items"]] == ["c-1"]
    assert "c-1" in node.done("routine", "runs")


def test_what_cannot_be_is_refused_with_what_to_do(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "circle.yaml"
    path.write_text("steps: [{job: make, needs: [read]}, {job: read}]")

    circle = node.run("routine", "save", "circle", "-f", str(path))
    used = node.run("job", "delete", "make")
    none = node.run("routine", "run", "none")

    assert (circle.returncode, "routine_cycle" in circle.stderr) == (1, True)
    assert "read does so by its place and mode (seq)" in circle.stderr
    assert (used.returncode, "in_use" in used.stderr) == (1, True)
    assert (none.returncode, "there is no routine none" in none.stderr) == (1, True)
