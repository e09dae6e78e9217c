"""``covey route call`` and ``covey workflow launch --trigger``: how a user fires what a group may."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Covey, Node, up

REFUNDS = """
name: Refunds
definition:
  document: {dsl: 1.0.3, namespace: t, name: refunds, version: 1.0.0}
  do:
    - echo: {set: {body: "${ .body }", query: "${ .query }"}}
triggers:
  - {id: web, type: http, method: POST, path: /refunds, access: tellers}
  - {id: desk, type: manual, access: tellers}
"""
CALL = ("route", "call", "POST")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    directory = tmp_path_factory.mktemp("calls")
    with up(directory / "lab", "lab", "--http", "0") as node:
        for name in ("bob", "eve"):
            node.done("user", "add", name, "--to", str(directory / name))
            node.done("grant", "give", name, "lab.workflow.refunds", "launch")
        node.done("group", "add", "tellers", "bob")
        (directory / "refunds.yaml").write_text(REFUNDS)
        node.done("workflow", "save", "refunds", "-f", str(directory / "refunds.yaml"))
        yield node


def of(own: Node, name: str) -> Covey:
    return Covey(own.data.parent / name)


def answered(covey: Covey, *words: str, given: str = "") -> tuple[int, Any]:
    ran = covey.run(*CALL, *words, given=given)
    return ran.returncode, json.loads(ran.stdout)


def test_a_member_calls_with_the_key_of_his_directory_or_one_that_he_names(own: Node, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"order": 17}')
    bob, key = of(own, "bob"), str(own.data.parent / "bob" / "key.seed")

    assert answered(bob, "/refunds?a=%20b", "--body", '{"order": 16}') == (
        0,
        {"body": {"order": 16}, "query": {"a": " b"}},
    )
    assert answered(own, "/refunds", "--body", f"@{tmp_path / 'body.json'}", "--as", key)[1]["body"] == {
        "order": 17
    }
    assert (
        answered(bob, "/refunds", "--body", "-", "--content-type", "text/plain", given="a")[1]["body"] == "a"
    )
    assert answered(own, "/refunds")[1] == {"body": None, "query": {}}


def test_the_same_request_takes_effect_once(own: Node) -> None:
    before = len(own.json("run", "list")["items"])

    for _ in range(2):
        assert answered(of(own, "bob"), "/refunds", "--body", "1", "--id", "refund-1")[0] == 0

    assert len(own.json("run", "list")["items"]) == before + 1


def test_who_is_no_member_ends_with_one_and_the_problem(own: Node) -> None:
    code, problem = answered(of(own, "eve"), "/refunds")

    assert (code, problem["status"], problem["type"]) == (1, 403, "not_granted")
    assert "covey group add tellers eve" in problem["detail"]


def test_another_program_sends_what_is_signed(own: Node) -> None:
    lines = of(own, "bob").done(*CALL, "/refunds", "--body", "[1]", "--headers").splitlines()
    told = of(own, "bob").json(*CALL, "/refunds", "--headers")
    url = json.loads((own.data / "endpoint.json").read_text())["http_url"]

    headers = dict(line.split(": ", 1) for line in lines) | {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/refunds", b"[1]", headers)) as answer:
        assert json.loads(answer.read())["body"] == [1]
    assert told.keys() == {"Nats-Msg-Id", "covey-signer", "covey-signed-at", "covey-signature"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("BREW", "/refunds"), 2),
        (("POST", "refunds"), 2),
        (("POST", "/a b"), 2),
        (("POST", "/é"), 2),
        (("POST", "/refunds", "--body", "@nothing"), 2),
        (("POST", "/refunds", "--id", "a\nb"), 2),
        (("POST", "/refunds", "--url", "ftp://127.0.0.1"), 2),
        (("POST", "/refunds", "--as", "nothing.seed"), 2),
        (("POST", "/refunds", "--url", "http://127.0.0.1:1"), 1),
        (("POST", "/refunds", "--content-type", "a\r\nb: c", "--body", "1"), 1),
        (("GET", "/refunds"), 1),
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_told(own: Node, words: tuple[str, ...], code: int) -> None:
    ran = of(own, "bob").run("route", "call", *words)

    assert (ran.returncode, "Traceback" in ran.stderr) == (code, False), ran.stderr


def test_a_trigger_is_fired_by_hand_by_a_member(own: Node) -> None:
    for words in ((), ("--trigger", "desk"), ("--trigger", "web")):
        assert of(own, "bob").run("workflow", "launch", "refunds", *words).returncode == 0
        refused = of(own, "eve").run("workflow", "launch", "refunds", *words)
        assert (refused.returncode, "not_granted" in refused.stderr) == (1, True)
    unknown = own.run("workflow", "launch", "refunds", "--trigger", "http")
    assert (unknown.returncode, "unknown_trigger" in unknown.stderr) == (1, True)
    assert "it has web, desk" in unknown.stderr
