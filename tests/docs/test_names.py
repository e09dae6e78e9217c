"""What the pages name is there: functions, files, pages, and a reference that is up to date."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer

from actors import ACTORS
from cli.reference import markdown
from messages.execution import Run
from messages.peer import FederatedMessage
from tests.cli.commands import APP
from tests.docs.story import ROOT

WIRE = ROOT / "docs" / "wire.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted({*(ROOT / "docs").rglob("*.md")} - {WIRE})]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DECISION_LINES_MAX = 30
NAMED = re.compile(r"`([\w/]+\.py)::([\w.]+)`")
FILES = re.compile(r"`((?:actors|bus|cli|compose|docs|examples|messages|node|store|tests)/[\w./-]+)`")
COMMANDS = re.compile(r"`covey (?!KIND|<)([^`]+)`")
LINKS = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def names(path: Path) -> set[str]:
    """Return what a module defines, methods as ``Class.method``."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef(name=owner):
                found |= {owner} | {f"{owner}.{name}" for name in functions(node.body)}
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found | functions(ast.parse(path.read_text()).body)


def functions(body: list[ast.stmt]) -> set[str]:
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_name_and_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    missing = [f"{file}::{name}" for file, name in NAMED.findall(text) if name not in names(ROOT / file)]
    missing += [file for file in FILES.findall(text) if not (ROOT / file).exists()]
    missing += [link for link in LINKS.findall(text) if not (page.parent / link).exists()]

    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_is_understood(page: Path) -> None:
    for said in COMMANDS.findall(page.read_text()):
        # what follows a lone -- is no option of ours
        command, words = typer.main.get_command(APP), said.partition(" -- ")[0].split()
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]

        known = {name for parameter in command.params for name in parameter.opts}
        assert command.name != "covey", said
        assert {word for word in words if word.startswith("--")} <= known | {"--help"}, said


def test_the_walk_passes_through_every_folder() -> None:
    walked = {file.partition("/")[0] for file, _ in NAMED.findall((ROOT / "docs" / "walk.md").read_text())}

    assert walked == {"messages", "actors", "store", "bus", "node", "cli"}


def test_the_reference_of_the_wire_is_up_to_date() -> None:
    written = WIRE.read_text()

    assert written == markdown(ACTORS, (Run, FederatedMessage)), "say: make docs"


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_short_and_says_its_price(page: Path) -> None:
    lines = page.read_text().splitlines()

    assert lines[0].startswith(f"# {page.name[:4]} ")
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Price"]
    assert len(lines) <= DECISION_LINES_MAX


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [page.name[:4] for page in DECISIONS]

    assert len(set(numbers)) == len(numbers)
