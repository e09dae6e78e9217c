"""Runs: launched, waited for, listed, shown, told what to do, exported and replayed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.running import Node, start, up

Write = Callable[[str], str]

HEAD = "document: {{dsl: 1.0.3, namespace: t, name: {0}, version: 1.0.0}}\n"
FLOWS = {
    "sums": """do:
- note: {call: log, with: {level: warn, message: two warnings}}
- quiet: {call: log, with: {level: debug, message: a detail}}
- add: {set: {sum: "${ .a + .b }"}}
""",
    "fails": """do:
- first: {set: {n: 1}}
- bad: {raise: {error: {type: boom, status: 500, title: Boom, detail: it went wrong}}}
""",
    "waits": "do:\n- long: {wait: {hours: 1}}\n",
    "loops": """do:
- safe:
    try:
    - each:
        for: {each: i, in: "${ [1, 2] }"}
        do:
        - raise: {if: $i == 2, raise: {error: {type: odd, status: 500, title: Odd}}}
        - go: {set: {done: true}}
    catch:
      retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
      do:
      - mend: {set: {mended: true}}
""",
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of this module's own, so that listings hold what is launched here."""
    directory = tmp_path_factory.mktemp("runs")
    with up(directory / "lab", "lab") as lab:
        for name, flow in FLOWS.items():
            path = directory / f"{name}.yaml"
            path.write_text(HEAD.format(name) + flow)
            lab.done("workflow", "save", name, "-f", str(path))
        yield lab


def launched(node: Node, workflow: str, run: str, *words: str) -> str:
    node.done("workflow", "launch", workflow, "--run", run, *words)
    return run


def test_a_launch_tells_the_run_and_waits_for_its_output(node: Node) -> None:
    said = node.done("workflow", "launch", "sums", "--run", "l-1", "--input", "{a: 1, b: 2}")
    ran = node.run("workflow", "launch", "sums", "--input", '{"a": 1}', "--set", "b=41", "--wait")

    assert "workflow sums: run l-1, version" in said
    assert "nothing to change" not in said
    shown = ran.stdout.partition("\n")[2]
    assert (ran.returncode, json.loads(shown)) == (0, {"sum": 42}), ran.stderr
    assert node.json("run", "wait", "l-1")["output"] == {"sum": 3}


def test_the_input_comes_from_a_file_or_from_what_comes_in(node: Node, write: Write) -> None:
    path = write("a: 3\nb: 4\n")

    file = node.json("workflow", "launch", "sums", "--input", f"@{path}", "--wait")
    comes = node.json("workflow", "launch", "sums", "--input", "-", "--wait", given='{"a": 5, "b": 6}')
    wrong = node.run("workflow", "launch", "sums", "--input", "{a: ")

    assert (file["output"], comes["output"], file["is_final"]) == ({"sum": 7}, {"sum": 11}, True)
    assert (wrong.returncode, "--input is not YAML or JSON" in wrong.stderr) == (2, True)


def test_a_run_that_fails_ends_the_wait_with_one_and_its_problem(node: Node) -> None:
    ran = node.run("workflow", "launch", "fails", "--run", "f-1", "--wait")
    again = node.run("run", "wait", "f-1", "--json")

    assert (ran.returncode, "run f-1: failed: Boom: it went wrong (at /do/1/bad)" in ran.stderr) == (1, True)
    assert (again.returncode, json.loads(again.stdout)["error"]["type"]) == (1, "boom")


def test_a_wait_ends_when_its_time_is_up_and_at_once_for_what_is_not_there(node: Node) -> None:
    launched(node, "waits", "w-0")

    late = node.run("run", "wait", "w-0", "--for", "0.5")
    unknown = node.run("run", "wait", "nobody")

    assert (late.returncode, "it goes on" in late.stderr) == (1, True)
    assert (unknown.returncode, "not_found" in unknown.stderr) == (1, True)


def test_an_id_that_is_taken_by_another_run_is_a_mistake(node: Node) -> None:
    launched(node, "sums", "t-1", "--input", "{a: 1, b: 1}")
    node.done("run", "wait", "t-1")

    same = node.run("workflow", "launch", "sums", "--run", "t-1", "--input", "{a: 1, b: 1}")
    other = node.run("workflow", "launch", "sums", "--run", "t-1", "--input", "{a: 2, b: 1}")

    assert (same.returncode, other.returncode) == (0, 2)
    assert "take another --run" in other.stderr


def test_a_wait_and_what_is_followed_go_on_while_the_node_is_restarted(tmp_path: Path, write: Write) -> None:
    data, flow = tmp_path / "again", write(HEAD.format("again") + "do:\n- nap: {wait: {seconds: 3}}\n")
    with up(data, "again") as node:
        node.done("workflow", "save", "again", "-f", flow)
        words = ("workflow", "launch", "again", "--run", "r", "--input", "{a: 1}", "--follow")
        with start(*words, COVEY_DATA=str(data)) as following:
            assert following.stdout is not None
            seen = [following.stdout.readline() for _ in range(2)]
            node.process.kill()
            node.process.wait()
            with up(data, "again"):
                shown, said = following.communicate(timeout=60)

    assert following.returncode == 0, said
    assert ("run r" in seen[0], "begun" in seen[1]) == (True, True)
    assert (shown.count("begun "), shown.count("succeeded ")) == (0, 1)
    assert '"a": 1' in shown
    assert "run r: success" in said


def test_what_happens_is_followed_to_the_end(node: Node) -> None:
    told = node.done("workflow", "launch", "sums", "--run", "fo-1", "--input", "{a: 1, b: 2}", "--follow")
    lines = node.done("workflow", "launch", "sums", "--input", "{a: 1, b: 2}", "--follow", "--json")

    assert "logged          warn  two warnings" in told
    assert 'task ended      /do/2/add  {"sum":3}' in told
    first, *_ = lines.splitlines()
    assert json.loads(first)["type"] == "run.begun"


def test_what_is_followed_is_bounded_as_a_wait_is(node: Node) -> None:
    ran = node.run("workflow", "launch", "waits", "--run", "fo-2", "--follow", "--for", "1")

    assert ran.returncode == 1
    assert "/do/0/long" in ran.stdout
    assert "run fo-2: after 1 s it is running; it goes on" in ran.stderr


def test_runs_are_listed_by_workflow_status_and_version(node: Node) -> None:
    node.run("workflow", "launch", "fails", "--run", "li-1", "--wait")

    found = node.json("run", "list", "--workflow", "fails", "--status", "failure", "--of-version", "1")
    none = node.json("run", "list", "--workflow", "fails", "--status", "success")
    wrong = node.run("run", "list", "--where", "colour=red")

    assert "li-1" in [row["id"] for row in found["items"]]
    assert {row["workflow"] for row in found["items"]} == {"fails"}
    assert none["items"] == []
    assert (wrong.returncode, "ask by" in wrong.stderr) == (1, True)


def test_a_run_is_shown_as_a_tree_and_as_a_picture(node: Node) -> None:
    node.run("workflow", "launch", "loops", "--run", "s-1", "--wait")

    shown = node.done("run", "show", "s-1")
    told = node.json("run", "show", "s-1")
    whole = node.done("run", "show", "s-1", "--whole")

    assert "run s-1  success" in shown
    assert "safe  try  success" in shown
    assert "3 attempts" in shown
    assert "go [0]  set  success" in shown
    assert "raise [1]  raise  failure" in shown
    assert "Odd (at" in shown
    assert all(sign in shown for sign in "█─↻✗")
    assert told["run"]["output"] == {"mended": True}
    assert [one["name"] for one in told["actions"] if one["status"] == "failure"] == ["each", "raise"] * 3
    assert 'output  {"mended":true}' in whole


def test_the_log_has_levels_times_and_actions(node: Node) -> None:
    node.done("workflow", "launch", "sums", "--run", "lo-1", "--input", "{a: 1, b: 2}", "--wait")

    whole = node.done("run", "log", "lo-1")
    warned = node.json("run", "log", "lo-1", "--level", "warn")
    followed = node.done("run", "log", "lo-1", "--follow", "--level", "info")

    assert "debug  a detail  (/do/1/quiet)" in whole
    assert [(line["level"], line["message"]) for line in warned] == [("warn", "two warnings")]
    assert (followed.count("\n"), "two warnings" in followed) == (1, True)


def test_one_run_is_held_let_go_on_and_given_up(node: Node) -> None:
    launched(node, "waits", "h-1")

    held = node.done("run", "pause", "h-1", "--reason", "lunch")
    status = node.json("run", "get", "h-1")
    node.done("run", "resume", "h-1")
    node.done("run", "cancel", "h-1", "--reason", "no longer needed")
    again = node.run("run", "pause", "h-1")

    assert "run h-1: paused" in held
    assert (status["status"], status["reason"]) == ("suspended", "lunch")
    assert node.json("run", "get", "h-1")["status"] == "cancelled"
    assert (again.returncode, "the run has ended: cancelled" in again.stderr) == (1, True)


def test_many_runs_are_counted_before_they_are_told(node: Node) -> None:
    runs = [launched(node, "waits", f"b-{number}") for number in range(3)]
    words = ("run", "cancel", "--workflow", "waits", "--status", "waiting")

    dry = node.json(*words, "--dry")
    refused = node.run(*words)
    some = node.run(*words, "--yes", "--at-most", "1")
    rest = node.json(*words, "--yes")
    none = node.run(*words, "--yes")

    assert set(runs) <= set(dry["runs"])
    assert (refused.returncode, f"cancel {dry['count']} runs" in refused.stderr) == (2, True)
    assert (some.returncode, "there are more" in some.stderr) == (1, True)
    assert (rest["count"], rest["done"]) == (dry["count"] - 1, dry["count"] - 1)
    assert (none.returncode, "no run to cancel" in none.stdout) == (0, True)


def test_a_batch_is_named_or_described_and_neither_is_a_mistake(node: Node) -> None:
    neither = node.run("run", "cancel")
    both = node.run("run", "cancel", "x", "--workflow", "waits")
    several = node.run("run", "cancel", "no-1", "no-2", "--yes")

    assert (neither.returncode, both.returncode, several.returncode) == (2, 2, 1)
    assert "--workflow" in neither.stderr
    assert several.stderr.count("not_found") == 2


def test_a_run_is_tried_again_on_another_version(node: Node, write: Write) -> None:
    path = write(HEAD.format("again") + FLOWS["fails"])
    node.done("workflow", "save", "again", "-f", path)
    node.run("workflow", "launch", "again", "--run", "r-1", "--wait")
    mended = write(HEAD.format("again") + "do:\n- first: {set: {n: 1}}\n- bad: {set: {n: 2}}\n")
    node.done("workflow", "save", "again", "-f", mended)

    node.done("run", "retry", "r-1", "--from", "start", "--workflow-version", "2")
    told = node.json("run", "wait", "r-1")
    unknown = node.run("run", "retry", "r-1", "--from", "start", "--workflow-version", "9")

    assert (told["status"], told["output"]) == ("success", {"n": 2})
    assert (unknown.returncode, "version 9 is not kept" in unknown.stderr) == (1, True)


def test_a_run_goes_on_from_where_it_failed_or_from_an_action(node: Node) -> None:
    node.run("workflow", "launch", "fails", "--run", "g-1", "--wait")

    node.done("run", "retry", "g-1")
    failed = node.run("run", "wait", "g-1", "--for", "20", "--json")
    node.done("run", "retry", "g-1", "--from", "/do/0/first")
    node.run("run", "wait", "g-1", "--for", "20")
    shown = node.json("run", "show", "g-1")
    nowhere = node.run("run", "retry", "g-1", "--from", "/do/9/none")

    assert (failed.returncode, json.loads(failed.stdout)["status"]) == (1, "failure")
    assert [one["name"] for one in shown["actions"]] == ["first", "bad", "bad", "first", "bad"]
    assert shown["run"]["restarts"] == 2
    assert (nowhere.returncode, "there is no action /do/9/none" in nowhere.stderr) == (1, True)


def test_a_history_is_exported_and_replayed(node: Node, tmp_path: Path) -> None:
    node.run("workflow", "launch", "loops", "--run", "e-1", "--wait")
    path = tmp_path / "run.jsonl"

    written = node.json("run", "history", "e-1", "--export", str(path))
    proved = node.done("run", "replay", str(path))
    lines = path.read_text().splitlines()
    changed = [line.replace("true", "false") if "run.task_ended" in line else line for line in lines]
    path.write_text("\n".join(changed))
    differs = node.run("run", "replay", str(path))
    path.write_text("\n".join(lines[:-1]))
    cut = node.run("run", "replay", str(path))

    assert written["events"] == len(lines) - 2
    assert "lead to the same state" in proved
    assert f"{written['events']} events" in proved
    assert (differs.returncode, "differs first at version" in differs.stdout) == (1, True)
    assert (cut.returncode, "export it again" in cut.stderr) == (2, True)
    assert node.done("run", "history", "e-1", "--export", "-").splitlines() == lines


def test_a_history_of_large_events_is_told_in_parts(node: Node, write: Write) -> None:
    flow = "do:\n" + "".join(f"- s{number}: {{set: {{big: '${{ .big }}'}}}}\n" for number in range(6))
    node.done("workflow", "save", "large", "-f", write(HEAD.format("large") + flow))
    given = json.dumps({"big": "x" * 100_000})
    node.run("workflow", "launch", "large", "--run", "big", "--input", "-", "--wait", given=given)

    told = node.json("run", "history", "big")
    shown = node.json("run", "show", "big")

    assert [row["version"] for row in told["events"]] == list(range(1, len(told["events"]) + 1))
    assert told["next"] is None
    assert len(shown["actions"]) == 6
