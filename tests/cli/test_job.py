"""Jobs on the command line: run, followed, listed, shown, cancelled, fetched; a worker of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Node, start, up

PYTHON = "/usr/bin/python3"
SCRIPTS = {
    "hello": "import sys; print('hello'); print('a word', file=sys.stderr)",
    "files": "import os; os.mkdir('d'); open('d/a.bin', 'wb').write(b'x' * 200_000); print('y' * 9000)",
    "fails": "raise SystemExit(4)",
    "sleeps": "import time; print('on', flush=True); time.sleep(600)",
}
pytestmark = pytest.mark.skipif(not Path(PYTHON).exists(), reason="there is no Python that any user may run")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with up(tmp_path_factory.mktemp("jobs") / "lab", "lab", "--job-limit", "memory=512m") as lab:
        flags = ["-I", "-S", "-c"]
        parameters = [{"flag": flag} for flag in flags[:2]]
        parameters.append({"flag": "-c", "requires_value": True, "value_type": "string"})
        given = json.dumps({"tag": "python - 3", "path": PYTHON, "parameters": parameters})
        lab.done("executable", "save", "python-3", "-f", "-", given=given)
        given = json.dumps({"executable": "python-3", "flags": flags})
        lab.done("command", "save", "script", "-f", "-", given=given)
        for name, script in SCRIPTS.items():
            given = json.dumps({"command": "script", "values": {"-c": script}})
            lab.done("job", "save", name, "-f", "-", given=given)
        yield lab


def test_a_run_is_waited_for_and_its_output_is_data(node: Node) -> None:
    done = node.run("job", "run", "hello", "--wait")

    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "a word" in done.stderr
    assert "success, code 0" in done.stderr


def test_a_run_is_followed(node: Node) -> None:
    done = node.run("job", "run", "hello", "--follow")

    assert (done.returncode, done.stdout) == (0, "hello\n")


def test_a_failure_is_an_exit_code(node: Node) -> None:
    done = node.run("job", "run", "fails", "--wait", "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["status"], told["result"]["code"]) == (1, "failure", 4)


def test_what_a_run_has_left_is_listed_and_fetched(node: Node, tmp_path: Path) -> None:
    node.run("job", "run", "files", "--run", "with-files", "--wait")

    one = node.run_outside("job", "fetch", "with-files", "d/a.bin")
    node.done("job", "fetch", "with-files", "--into", str(tmp_path))

    assert one.stdout == "x" * 200_000
    assert (tmp_path / "d" / "a.bin").read_bytes() == b"x" * 200_000
    assert (tmp_path / "stdout").read_text() == "y" * 9000 + "\n"
    shown = json.loads(node.done("job", "show", "with-files", "--json"))
    digest = hashlib.sha256(b"x" * 200_000).hexdigest()
    assert shown["result"]["files"] == [{"name": "d/a.bin", "size": 200_000, "sha256": digest}]


def test_runs_are_listed_by_job_and_status(node: Node) -> None:
    node.run("job", "run", "fails", "--run", "one-that-fails", "--wait")

    found = json.loads(node.done("job", "runs", "--job", "fails", "--status", "failure", "--json"))

    assert "one-that-fails" in [one["id"] for one in found["items"]]
    assert {one["job"] for one in found["items"]} == {"fails"}


def test_a_run_is_cancelled(node: Node) -> None:
    node.done("job", "run", "sleeps", "--run", "to-cancel")

    node.done("job", "cancel", "to-cancel", "--reason", "not needed")

    done = node.run("job", "run", "sleeps", "--run", "to-cancel", "--wait")
    assert done.returncode == 1
    assert "not needed" in done.stderr


def test_a_job_that_is_not_there_is_refused(node: Node) -> None:
    done = node.run("job", "run", "nothing", "--wait")

    assert done.returncode == 1
    assert "not_found" in done.stderr


def test_a_compute_of_somebody_unknown_is_refused_at_once(node: Node) -> None:
    done = node.run("job", "run", "hello", "--on", "nowhere/hpc")

    assert done.returncode == 1
    assert "unknown_peer" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sandbox", "perhaps"), "--sandbox perhaps: it is require, prefer, none"),
        (("--job-limit", "memory=much"), "--job-limit memory=much"),
        (("--job-network", "some"), "--job-network some: it is host or none"),
        (("--job-read", "here"), "--job-read here: give an absolute path"),
    ],
)
def test_an_option_of_a_worker_that_cannot_be_is_a_mistake(
    node: Node, words: tuple[str, str], said: str
) -> None:
    done = node.run_outside("worker", "jobs", *words)

    assert done.returncode == 2
    assert said in done.stderr


def test_doctor_says_how_far_apart_jobs_are_kept(node: Node) -> None:
    checks = json.loads(node.run("doctor", "--json").stdout)["checks"]

    (jobs,) = [one for one in checks if one["check"] == "jobs"]
    assert "kept apart by" in jobs["detail"]
    assert "the network" in jobs["detail"]
    assert jobs["status"] == "ok" or "install bubblewrap" in jobs["detail"]


def test_a_worker_of_its_own_runs_the_jobs_that_the_node_leaves(tmp_path: Path) -> None:
    with up(tmp_path / "lab", "lab", "--leave", "jobs") as lab:
        given = json.dumps({"tag": "true - 1", "path": "/bin/true"})
        lab.done("executable", "save", "true-1", "-f", "-", given=given)
        lab.done("command", "save", "true", "--executable", "true-1")
        lab.done("job", "save", "true", "--command", "true")
        lab.done("job", "run", "true", "--run", "one")
        worker = start("worker", "jobs", "--data", str(lab.data), "--json", "--name", "its-own")
        try:
            assert worker.stdout is not None
            assert json.loads(worker.stdout.readline())["role"] == "jobs"
            told = json.loads(lab.done("job", "run", "true", "--run", "one", "--wait", "--json"))
        finally:
            worker.terminate()
            worker.communicate(timeout=30)

    assert (told["status"], told["worker"]) == ("success", "its-own")
    assert worker.returncode == 0
