"""The command line of a second user: what was not given ends with one, and says how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.keys import load
from tests.cli.running import Covey, Node, up


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with up(tmp_path_factory.mktemp("rights") / "lab", "lab", "--unsigned", "nobody") as node:
        node.done("workflow", "save", "w", "--name", "W")
        yield node


def test_a_second_user_is_refused_with_one_and_told_how_to_get_it(own: Node, tmp_path: Path) -> None:
    own.done("user", "add", "bob", "--to", str(tmp_path / "bob"))
    bob = Covey(tmp_path / "bob")

    for ran in (
        bob.run("workflow", "delete", "w"),
        own.run("workflow", "delete", "w", "--as", str(tmp_path / "bob" / "key.seed")),
    ):
        assert ran.returncode == 1
        assert "not_granted: user/bob may not delete workflow w" in ran.stderr
        assert "covey grant give bob lab.workflow.w delete" in ran.stderr
    assert bob.json("whoami")["sender"] == "user/bob"
    assert bob.json("workflow", "list")["items"] == []


def test_what_is_given_can_be_done_and_taken_back(own: Node, tmp_path: Path) -> None:
    public = own.done("user", "key", str(tmp_path / "eve.seed")).strip()
    assert public == load(tmp_path / "eve.seed").public
    assert (tmp_path / "eve.seed").stat().st_mode & 0o777 == 0o600
    own.done("user", "add", "eve", "--public-key", public)
    own.done("group", "add", "crew", "eve")
    own.done("perimeter", "add", "storms", "workflow/w")
    own.done("grant", "give", "group/crew", "lab.storms", "read")
    own.done("grant", "give", "group/crew", "lab.storms", "save")

    eve = ("--as", str(tmp_path / "eve.seed"))
    own.done("workflow", "save", "w", "--name", "V", *eve)
    assert own.json("rights", "of", "eve")["rights"][0]["actions"] == ["read", "save"]
    own.done("grant", "take", "group/crew", "lab.storms", "save")
    assert own.run("workflow", "save", "w", "--name", "U", *eve).returncode == 1
    own.done("workflow", "get", "w", *eve)
    own.done("group", "remove", "crew", "eve")
    assert own.run("workflow", "get", "w", *eve).returncode == 1


def test_a_user_is_switched_off_and_on(own: Node, tmp_path: Path) -> None:
    own.done("user", "add", "kim", "--to", str(tmp_path / "kim"))
    kim = ("--as", str(tmp_path / "kim" / "key.seed"))

    own.done("user", "disable", "kim")
    refused = own.run("whoami", *kim)
    assert (refused.returncode, "inactive_user" in refused.stderr) == (1, True)
    own.done("user", "enable", "kim")
    assert own.json("whoami", *kim)["active"]


def test_a_key_file_that_is_none_and_one_that_is_there_are_mistakes(own: Node, tmp_path: Path) -> None:
    (tmp_path / "no.seed").write_text("nothing")

    assert own.run("whoami", "--as", str(tmp_path / "no.seed")).returncode == 2
    assert own.run("whoami", "--as", str(tmp_path / "gone.seed")).returncode == 2
    assert own.run("user", "key", str(tmp_path / "no.seed")).returncode == 2
    assert (tmp_path / "no.seed").read_text() == "nothing"
    assert own.run("user", "add", "admin", "--to", str(tmp_path / "admin")).returncode == 1
    assert not (tmp_path / "admin" / "key.seed").exists()


def test_workers_speak_as_the_machine_that_they_are(own: Node, tmp_path: Path) -> None:
    own.done("user", "add", "w1", "--machine", "--to", str(tmp_path / "w1"))

    assert own.json("whoami", "--as", str(tmp_path / "w1" / "key.seed"))["sender"] == "machine/w1"


def test_the_table_is_printed_without_a_node(tmp_path: Path) -> None:
    table = Covey(tmp_path).json("rights", "table")

    assert {"admin", "none"} <= set(table["roles"])
    assert all(row["cells"]["none"] == "-" for row in table["rows"] if row["kind"] != "node")
