"""Executables, commands and jobs of a real node: as one document, in and out, and asked about."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cli.client import connected
from cli.importing import judged
from cli.interchange import carrying
from cli.interchange.reading import LISTS
from messages.envelope import Outcome
from tests.cli.running import ROOT, Node, up
from tests.executables.broken import BASE, BROKEN, changed
from tests.executables.world import ID, OPENSSL

PROGRAMS = ROOT / "examples" / "programs"
SECONDS = 30.0
ROUTINE = {"id": "keys", "steps": [{"job": "GenRSA-2048"}, {"job": "GenRSA-4096", "mode": "conc"}]}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with up(tmp_path_factory.mktemp("one") / "data", "one") as node:
        for name in ("openssl", "nmap", "masscan"):
            node.done("import", str(PROGRAMS / f"{name}.yaml"))
        yield node


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with up(tmp_path_factory.mktemp("two") / "data", "two") as node:
        yield node


def test_what_is_exported_is_the_same_in_an_empty_node(one: Node, two: Node) -> None:
    one.done("import", "-", given=json.dumps({"routines": [ROUTINE]}))
    exported = one.done("export")

    two.done("import", "-", given=exported)

    assert two.done("export") == exported
    assert [len(json.loads(exported)[name]) for name in LISTS] == [3, 1, 2, 1]
    again = two.json("import", "-", given=one.done("export", "--yaml"))
    assert {item["status"] for item in again["items"]} == {"done"}
    assert two.done("export") == exported


def test_a_broken_document_saves_nothing_and_tells_every_fault(one: Node) -> None:
    before = one.done("export")
    change, faults = next(one for one in BROKEN if "/x/y" in one[0])

    ran = one.run("import", "-", "--json", given=json.dumps(changed(change)))
    told = one.run("import", "-", given=json.dumps(changed(change), indent=1))

    assert (ran.returncode, told.returncode) == (1, 1)
    found = {(fault["code"], fault["at"].replace("~1", "/")) for fault in json.loads(ran.stdout)["faults"]}
    assert found > set(faults)  # besides, what the node has would not be valid
    assert told.stdout == ""
    assert all(f"({code})" in told.stderr for code, _ in faults)
    assert "line " in told.stderr
    assert one.done("export") == before


def test_none_of_the_broken_documents_changes_the_node(one: Node) -> None:
    before = one.done("export")

    for change, _ in BROKEN[::5]:  # that each has its faults is tested without a node
        assert one.run("import", "-", given=json.dumps(changed(change))).returncode == 1

    assert one.done("export") == before


def test_a_document_can_be_checked_alone(one: Node, write: Callable[[str], str]) -> None:
    before = one.done("export")

    assert "4 can be saved" in one.done("import", write((PROGRAMS / "openssl.yaml").read_text()), "--check")
    assert one.run("import", write("{"), "--check").returncode == 2
    assert one.done("export") == before


def test_what_was_saved_is_undone_when_the_node_refuses_one_in_the_middle(two: Node) -> None:
    document = json.dumps(BASE).replace("GenRSA", "MakeRSA")
    two.done("import", "-", given=document)
    before = two.done("export")
    altered = json.loads(document)
    altered["executables"][0]["description"] = "other"
    altered["commands"].append({"id": "New", "executable": ID, "flags": ["-quiet"]})
    altered["jobs"][0]["description"] = "other"

    saved, undone = asyncio.run(overtaken(two.data, altered))

    assert [outcome.code for _, outcome in saved if outcome.status != "done"] == ["version_conflict"]
    assert [(item.kind, item.id, outcome.status) for item, outcome in undone] == [
        ("command", "New", "done"),
        ("executable", ID, "done"),
    ]
    quicker = json.loads(two.done("export"))
    assert quicker["jobs"].pop(2)["description"] == "quicker"  # what somebody else said stays
    expected = json.loads(before)
    del expected["jobs"][2]
    assert quicker == expected


async def overtaken(data: Path, document: Any) -> tuple[list[Any], list[Any]]:
    """Import a document one job of which somebody else saves after it was judged."""
    async with connected(data, SECONDS) as node:
        have = await carrying.found(node)
        plan = judged(document, have, node.node)
        assert not plan.faults
        fields = have["job", "MakeRSA-2048"].fields | {"description": "quicker"}
        faster: Outcome = await node.call(("job", "MakeRSA-2048", "save"), fields)
        assert faster.status == "done"
        return await carrying.save(node, plan, have)


def test_all_move_to_a_new_version_of_a_program_at_once(one: Node) -> None:
    exported = one.done("export")

    newer = exported.replace("openssl - 3", "openssl - 3.1").replace('"openssl-3"', '"openssl-3-1"')
    one.done("import", "-", given=newer)

    assert one.json("job", "get", "GenRSA-2048")["executable"] == "openssl-3-1"
    assert one.done("executable", "delete", "openssl-3")
    one.done("import", "-", given=exported)
    assert one.done("executable", "delete", "openssl-3-1")
    assert one.done("export") == exported


def test_an_array_of_oto_is_taken_and_written(two: Node) -> None:
    two.done("import", "-", given=json.dumps({"executables": [OPENSSL]}))

    array = json.loads(two.done("export", "--parameters", ID))
    array[-1]["description"] = "Which provider."
    two.done("import", "-", given=json.dumps(array))

    assert json.loads(two.done("export", "--parameters", ID)) == array
    got = two.json("executable", "get", ID)
    assert got["parameters"][0]["position"] == 0
    assert two.run("export", "--parameters", "nobody").returncode == 2


def test_flags_are_judged_explained_and_drawn(one: Node) -> None:
    good = one.done("flags", "check", "openssl-3", "--", "-out", "genpkey", "-pkeyopt", "-algorithm")
    bad = one.run("flags", "check", "openssl-3", "--json", "--", "-digest", "-sign", "-verify")

    assert good == "genpkey -out -algorithm -pkeyopt\n"
    assert bad.returncode == 1
    assert [(one["code"], one["flags"]) for one in json.loads(bad.stdout)["violations"]] == [
        ("interference", ["-sign", "-verify"]),
        ("missing_requirement", ["-digest", "-rawin"]),
        ("missing_requirement", ["-sign", "pkeyutl"]),
    ]
    assert "missing_requirement: -digest requires -rawin" in bad.stderr
    completed = json.loads(one.done("flags", "check", "openssl-3", "--complete", "--json", "--", "-digest"))
    assert completed["order"] == ["pkeyutl", "-digest", "-rawin"]
    assert "needs       -digest → -rawin → pkeyutl" in one.done(
        "flags", "explain", "openssl-3", "--", "-digest"
    )
    assert one.run("flags", "explain", "openssl-3", "--", "-nope").returncode == 2
    assert one.done("flags", "graph", "openssl-3").startswith("digraph")
    ElementTree.fromstring(one.done("flags", "graph", "openssl-3", "--format", "graphml"))
    assert one.run("flags", "graph", "openssl-3", "--format", "png").returncode == 2


def test_a_wrong_combination_is_refused_with_its_path(one: Node) -> None:
    flags = '["-digest", "-in"]'

    ran = one.run("command", "save", "Wrong", "--executable", "openssl-3", "--set", f"flags={flags}")

    assert ran.returncode == 1
    assert "-digest requires pkeyutl (-digest → -rawin → pkeyutl)" in ran.stderr


def test_what_is_used_is_not_deleted(one: Node) -> None:
    ran = one.run("executable", "delete", "openssl-3", "--json")

    assert (ran.returncode, json.loads(ran.stdout)["code"]) == (1, "in_use")
    assert "command GenRSA" in ran.stderr


APPLIED = """
kind: executable
id: echo-1
tag: echo - 1
path: /bin/echo
parameters: [{flag: -n}, {flag: --, requires_value: true, value_type: string, position: 9}]
---
kind: command
id: say
executable: echo-1
flags: [--, -n]
---
kind: job
id: hello
command: say
values: {--: hello world}
"""


def test_files_of_apply_hold_them_too_and_explain_foresees_them(
    two: Node, write: Callable[[str], str]
) -> None:
    path = write(APPLIED)

    foreseen = two.json("explain", "-f", path)
    two.done("apply", "-f", path)

    assert "rejected" not in json.dumps(foreseen)
    assert two.json("job", "get", "hello")["executable"] == "echo-1"
    bad = two.run("explain", "-f", write(APPLIED.replace("flags: [--, -n]", "flags: [-x]")))
    assert "unknown_flag" in bad.stdout + bad.stderr
