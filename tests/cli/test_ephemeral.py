"""Ephemeral workflows, typed: what workers do is typed here too, so that each step is known."""

import json
import re
from pathlib import Path

import pytest

from cli.gathered import human
from tests.cli.running import Node, start, up

ROOT = ("--registry-id", "e-reg", "--global-root", "/e")
NOBODY = {"COVEY_AUTHOR_NAME": "", "COVEY_AUTHOR_EMAIL": "", "GIT_CONFIG_GLOBAL": "/dev/null"}


@pytest.fixture(scope="module", autouse=True)
def registry(lab: Node) -> None:
    lab.done("registry", "init", "e-reg", "--name", "E")
    lab.done(
        "registry", "init-root", "e-reg", "--global-root", "/e", "--host", "files", "--host-root", "/srv"
    )
    lab.done("registry", "init-repo", "e-reg", "--repo", "e-repo", "--global-path", "/e/repo")
    lab.done("repo", "history", "e-repo", "--follow", "--count", "1", "--for", "20")


def test_a_workflow_is_begun_under_an_id_that_is_made_up_and_told(lab: Node) -> None:
    ran = lab.run("du-root", "begin", *ROOT)

    id = re.fullmatch(r"covey: its id is (du-root-[0-9a-f]{8})\n", ran.stderr)
    assert id is not None
    assert ran.stdout.startswith(f"du-root {id[1]}: started, version 1, message ")
    assert lab.json("du-root", "status", id[1])["state"] == "initialized"


def test_the_registry_knows_which_server_has_a_root(lab: Node) -> None:
    lab.done("du-root", "begin", "e-filled", *ROOT)
    found = lab.json("du-root", "get", "e-filled")
    assert (found["host"], found["host_root"]) == ("files", "/srv")

    ran = lab.run("du-root", "begin", "--registry-id", "e-reg", "--global-root", "/elsewhere")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "the registry has /e" in ran.stderr


def test_a_repository_says_all_that_a_workflow_needs_but_its_author(lab: Node) -> None:
    by = {"COVEY_AUTHOR_NAME": "Ada", "COVEY_AUTHOR_EMAIL": "ada@lab.example"}
    ran = lab.run("freeze-repo", "begin", "e-freeze", "--repo", "e-repo", **by)

    assert ran.returncode == 0, ran.stderr
    found = lab.json("freeze-repo", "get", "e-freeze")
    assert {name: found[name] for name in found if name.startswith(("repo_", "registry_", "author_"))} == {
        "registry_id": "e-reg",
        "registry_name": "E",
        "repo_id": "e-repo",
        "repo_global_path": "/e/repo",
        "author_name": "Ada",
        "author_email": "ada@lab.example",
    }


def test_the_author_is_asked_of_git_and_must_be_somebody(lab: Node, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[user]\nname = Grace\nemail = grace@lab.example\n")
    words = ("freeze-repo", "begin", "e-git", "--repo", "e-repo")

    nobody = lab.run(*words, **NOBODY)
    somebody = lab.run(*words, **NOBODY | {"GIT_CONFIG_GLOBAL": str(config)})

    assert (nobody.returncode, nobody.stdout) == (2, "")
    assert "give --author-name, or set COVEY_AUTHOR_NAME, or git config" in nobody.stderr
    assert somebody.returncode == 0, somebody.stderr
    assert lab.json("freeze-repo", "get", "e-git")["author_email"] == "grace@lab.example"


def test_what_is_begun_without_a_repository_says_what_it_lacks(lab: Node) -> None:
    ran = lab.run("freeze-repo", "begin", "--author-name", "Ada", "--author-email", "a@b")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "registry_id" in ran.stderr


def test_waiting_ends_with_the_outcome_and_the_result_is_shown(lab: Node) -> None:
    with start("du-root", "begin", "e-done", *ROOT, "--wait", COVEY_DATA=str(lab.data)) as waiting:
        assert waiting.stdout is not None
        assert "started" in waiting.stdout.readline()
        lab.done("du-root", "append", "e-done", "--path", "models", "--usage", str(3 * 2**30))
        lab.done("du-root", "append", "e-done", "--path", ".", "--usage", str(4 * 2**30))
        assert lab.run("du-root", "result", "e-done").returncode == 1  # it is not whole yet
        lab.done("du-root", "commit", "e-done")

        told, _ = waiting.communicate(timeout=20)

    assert waiting.returncode == 0
    assert told == "du-root e-done: done\n"
    shown = lab.done("du-root", "get", "e-done").splitlines()
    sizes = [line.split()[:2] + line.split()[-1:] for line in shown if "GiB" in line]
    assert sizes == [["4.0", "GiB", "."], ["3.0", "GiB", "models"]]
    assert lab.json("du-root", "get", "e-done")["usage"] == {"models": 3 * 2**30, ".": 4 * 2**30}


def test_waiting_for_what_has_failed_ends_with_one_and_says_why(lab: Node) -> None:
    lab.done("du-root", "begin", "e-fails", *ROOT)
    lab.done("du-root", "fail", "e-fails", "--code", "7", "--message", "rejected")

    ran = lab.run("du-root", "wait", "e-fails", "--for", "5")

    assert ran.returncode == 1
    assert ran.stdout == "du-root e-fails: failed, code 7: rejected\n"
    assert json.loads(lab.run("du-root", "wait", "e-fails", "--json").stdout)["code"] == 7


def test_waiting_ends_when_its_time_is_up(lab: Node) -> None:
    lab.done("du-root", "begin", "e-slow", *ROOT)

    ran = lab.run("du-root", "wait", "e-slow", "--for", "0.5")

    assert ran.returncode == 1
    assert "after 0.5 s it is initialized; it goes on" in ran.stderr


def test_who_waits_for_what_nobody_works_at_is_told_who_would(lab: Node) -> None:
    lab.done("du-root", "begin", "e-alone", *ROOT)

    ran = lab.run("du-root", "wait", "e-alone", "--for", "2", "--timeout", "0.5")

    told = "still initialized: a files worker brings it on; see that one runs: covey worker files --help"
    assert ran.stderr.count(told) == 1


def test_waiting_for_what_was_never_begun_is_refused(lab: Node) -> None:
    assert "not_found" in lab.run("du-root", "wait", "e-never").stderr
    assert "wrong_kind" in lab.run("ping-registry", "wait", "e-slow").stderr


def test_an_abort_needs_no_more_than_the_id(lab: Node) -> None:
    lab.done("du-root", "begin", "e-given-up", *ROOT)

    assert "completed" in lab.done("du-root", "fail", "e-given-up")

    found = lab.json("du-root", "status", "e-given-up")
    assert (found["code"], found["message"]) == (1, "given up by the operator")


def test_the_index_shows_what_is_active_and_what_is_completed(lab: Node) -> None:
    lab.done("du-root", "begin", "e-active", *ROOT)
    lab.done("du-root", "begin", "e-completed", *ROOT)
    lab.done("du-root", "commit", "e-completed")
    lab.done("du-root", "history", "e-completed", "--follow", "--count", "3", "--for", "20")

    shown = [line.split()[:3] for line in lab.done("workflows", "index", "e-reg").splitlines()]
    ran = lab.run("workflows", "snapshot", "e-reg")

    assert ["active", "e-active", "du-root"] in shown
    assert ["completed", "e-completed", "du-root"] in shown
    assert (ran.returncode, "not_worth_it" in ran.stderr) == (1, True)


def test_what_was_deleted_is_no_more(lab: Node) -> None:
    lab.done("du-root", "begin", "e-gone", *ROOT)
    lab.done("du-root", "commit", "e-gone")
    lab.done("du-root", "delete", "e-gone")

    assert lab.run("du-root", "get", "e-gone").returncode == 1
    assert "e-gone" not in lab.done("du-root", "list", "--all")
    assert "deleted" in lab.run("du-root", "begin", "e-gone", *ROOT).stderr


def test_waiting_goes_on_while_the_node_is_restarted(tmp_path: Path) -> None:
    with up(tmp_path / "lab", "lab") as node:
        words = ("--registry-id", "r", "--global-root", "/r", "--host", "h", "--host-root", "/s")
        node.done("du-root", "begin", "again", *words)
        waiting = start("du-root", "wait", "again", COVEY_DATA=str(node.data))
        assert waiting.stderr is not None
        assert "waiting" in waiting.stderr.readline()
        node.process.kill()
        node.process.wait()
    with waiting, up(tmp_path / "lab", "lab") as node:
        node.done("du-root", "commit", "again")

        told, _ = waiting.communicate(timeout=60)

    assert waiting.returncode == 0, told


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**40, "1.0 TiB"), (300 * 10**9, "279 GiB")],
)
def test_bytes_are_told_in_units_for_people(size: int, said: str) -> None:
    assert human(size) == said
