"""``covey test run``: the examples, and what a test says that fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.main import main
from tests.cli.running import ROOT

EXAMPLES = ROOT / "examples" / "workflows"
STATIONS = "{stations: [{name: Bern, celsius: 31}, {name: Rom, celsius: 35}, {name: Oslo, celsius: 5}]}"
HEAD = "document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}\n"
DAY = 86_400.0

Write = Callable[[str], str]


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """The command line in this process: it needs no node."""

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["covey", "test", "run", *words])
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
        return Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return run


@pytest.mark.parametrize(
    ("name", "words", "output", "seconds"),
    [
        ("loop", ["--input", STATIONS], {"warm": 2, "verdict": "a hot day"}, 0),
        ("loop", ["--input", "{stations: []}"], {"warm": 0, "verdict": "nothing to report"}, 0),
        ("retry", ["--http", f"{EXAMPLES}/retry.answers.yaml"], {"celsius": 21}, 180),
        ("wait", ["--skip-time"], {"sent": True, "late": True}, 30 * DAY + 10),
        ("fork", ["--http", f"{EXAMPLES}/fork.answers.yaml"], {"wind": 12, "rain": 3}, 302),
        ("order", ["--set", "items=[1,2]"], {"parcel": 200, "state": "shipped"}, 2 * DAY),
    ],
)
def test_each_example_comes_to_its_output(
    trial: Callable[..., Ran], name: str, words: list[str], output: Any, seconds: float
) -> None:
    ran = trial(str(EXAMPLES / f"{name}.yaml"), *words, "--json")

    assert ran.code == 0, ran.err
    assert (ran.told["output"], ran.told["seconds"]) == (output, seconds)


def test_each_example_is_run_by_a_test_as_its_first_lines_say() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.yaml")}

    assert names >= {"loop", "retry", "retry.answers", "wait", "fork", "fork.answers", "order", "parcel"}


def test_thirty_days_take_milliseconds(trial: Callable[..., Ran], write: Write) -> None:
    ran = trial(write(HEAD + "do:\n- month: {wait: {days: 30}}\n"), "--skip-time", "--json")

    assert (ran.told["seconds"], ran.told["took_seconds"] < 0.2) == (30 * DAY, True)
    assert "success, after 30 d of virtual time" in ran.err


def test_a_person_sees_the_tree_the_picture_the_log_and_that_time_is_virtual(
    trial: Callable[..., Ran],
) -> None:
    ran = trial(str(EXAMPLES / "retry.yaml"), "--http", str(EXAMPLES / "retry.answers.yaml"))
    loop = trial(str(EXAMPLES / "loop.yaml"), "--input", STATIONS)

    assert "fetch  try  success  3 min  3 attempts" in ran.out
    assert all(sign in ran.out for sign in ("↻", "░", "✗", "█"))
    assert "time is virtual here" in ran.err
    assert "note [1]" in loop.out
    assert "info  Rom has 35 degrees" in loop.out


def test_a_call_that_nothing_answers_fails_the_test_though_the_workflow_would_catch_it(
    trial: Callable[..., Ran], write: Write
) -> None:
    caught = HEAD + (
        "do:\n- a:\n    try:\n    - b: {call: http, with: {method: post, endpoint: 'https://x.example/y'}}\n"
        "    catch: {}\n"
    )

    ran = trial(write(caught), "--json")

    assert ran.code == 1
    assert "/do/0/a/try/0/b calls POST https://x.example/y, and nothing answers" in ran.told["failure"]
    assert ran.told["calls"][0]["status"] is None


def test_a_workflow_that_fails_ends_with_one_and_names_the_place(
    trial: Callable[..., Ran], write: Write
) -> None:
    ran = trial(write(HEAD + "do:\n- a: {raise: {error: {type: boom, status: 500, title: Boom}}}\n"))

    assert ran.code == 1
    assert "failed: Boom (at /do/0/a)" in ran.err


def test_what_nobody_will_tell_is_not_waited_for(trial: Callable[..., Ran], write: Write) -> None:
    ran = trial(write(HEAD + "do:\n- a: {listen: {to: {one: {with: {type: x}}}}}\n"))

    assert (ran.code, "waits for ever at /do/0/a" in ran.err) == (1, True)


def test_all_faults_of_a_file_are_told_with_their_lines(trial: Callable[..., Ran], write: Write) -> None:
    ran = trial(write(HEAD + "do:\n- a:\n    set: {x: 1}\n    then: nowhere\n- b: {call: nothing}\n"))

    assert ran.code == 1
    assert "line 5, /do/0/a/then: there is no task nowhere" in ran.err
    assert "line 6, /do/1/b/call: there is no function nothing" in ran.err


@pytest.mark.parametrize("fixture", ["{}", "- {url: x, stauts: 2}", "- {status: 1}", "- ["])
def test_answers_that_are_not_understood_are_a_mistake(
    trial: Callable[..., Ran], tmp_path: Path, fixture: str
) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text(fixture)

    ran = trial(str(EXAMPLES / "wait.yaml"), "--http", str(path))

    assert (ran.code, str(path) in ran.err) == (2, True)


def test_other_calls_are_answered_by_their_place(
    trial: Callable[..., Ran], write: Write, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text("- {call: database, at: /do/0/*, output: [{n: 1}]}\n")
    flow = HEAD + "do:\n- a: {call: database, with: {query: select 1}}\n- b: {set: {n: '${ .[0].n }'}}\n"

    ran = trial(write(flow), "--http", str(answers), "--json")
    without = trial(write(flow))

    assert ran.told["output"] == {"n": 1}
    assert (without.code, "call: database, at: '/do/0/a'" in without.err) == (1, True)


def test_a_workflow_that_is_not_there_is_named_with_the_remedy(
    trial: Callable[..., Ran], write: Write
) -> None:
    flow = "do:\n- a: {run: {workflow: {namespace: t, name: other, version: 1.0.0}}}\n"

    ran = trial(write(HEAD + flow))
    with_it = trial(write(HEAD + flow), "--with", str(EXAMPLES / "wait.yaml"))

    assert (ran.code, "name its file by --with" in ran.err, "other.yaml" in ran.err) == (1, True, True)
    assert with_it.code == 1


def test_a_child_fails_its_parent_and_is_given_up_with_it(trial: Callable[..., Ran], write: Write) -> None:
    parent = HEAD + (
        "do:\n- race:\n    fork:\n      compete: true\n      branches:\n"
        "      - child: {run: {workflow: {namespace: t, name: long, version: 1.0.0}}}\n"
        "      - short: {wait: {days: 1}}\n"
    )
    child = HEAD.replace("name: t", "name: long") + "do:\n- sleep: {wait: {days: 9}}\n"

    ran = trial(write(f"{parent}---\n{child}"), "--json")

    assert (ran.code, ran.told["seconds"]) == (0, DAY)
    assert [action["status"] for action in ran.told["actions"]] == ["success", "cancelled", "success"]


NAMES = """
document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}
do:
  - ask:
      call: http
      with:
        method: get
        endpoint: connection://api/things
        headers: {X-Key: "${ $secrets.key }"}
  - tell: {set: {region: "${ $vars.region }", said: "${ .said }"}}
"""


def test_an_environment_is_given_by_a_file(trial: Callable[..., Ran], tmp_path: Path) -> None:
    flow, answers, given = (tmp_path / name for name in ("flow.yaml", "answers.yaml", "environment.yaml"))
    flow.write_text(NAMES)
    answers.write_text("- {url: 'https://example.com/v1/things', body: {said: hello}}")
    words = (str(flow), "--http", str(answers), "--skip-time", "--json")
    given.write_text(
        "{variables: {region: eu}, secrets: {key: k}, connections: {api: 'https://example.com/v1/'}}"
    )

    assert trial(*words, "--environment", str(given)).told["output"] == {"region": "eu", "said": "hello"}
    missing = trial(*words)
    assert (missing.code, "no secret key is given" in missing.err) == (1, True)
    given.write_text("{variable: {}}")
    assert trial(*words, "--environment", str(given)).code == 2
