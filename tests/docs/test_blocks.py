"""Every code block of the pages is run, or checked as far as this machine can."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import msgspec
import pytest
import yaml

from actors import ACTORS
from messages import subjects
from messages.base import tag
from tests.docs.story import ROOT, Block, blocks, follow, reader

GENERATED = {"wire.md", "benchmarks.md"}
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name not in GENERATED),
]
RUN = {"console", "yaml", "python", "javascript"}
SHOWN = {"text", "sh", "json"}
"""Not run: what was printed once, and commands that need what a test has not."""
NOT_HERE = {"docker", "make", "git", "nats"}
"""The programs of ``sh`` blocks."""


def told(language: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page.read_text()) if block.language == language]


def lines(program: str) -> list[list[str]]:
    texts = [block.text.replace("\\\n", " ") for block in told("sh")]
    words = [shlex.split(line) for text in texts for line in text.splitlines() if not line.startswith("#")]
    return [line for line in words if line and line[0] == program]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_says_what_happens(page: Path, tmp_path: Path) -> None:
    with reader(tmp_path.resolve()) as somebody:
        follow(page.read_text(), somebody)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_is_run_or_known_not_to_be(page: Path) -> None:
    assert {block.language for block in blocks(page.read_text())} <= RUN | SHOWN
    assert page.read_text().count("\n```") == 2 * len(blocks(page.read_text()))


def test_what_is_not_run_needs_a_program_that_tests_have_not() -> None:
    programs = {
        line.split()[0]
        for block in told("sh")
        for line in block.text.splitlines()
        if line and line[0] not in " #"
    }

    assert programs <= NOT_HERE


def test_compose_commands_name_services_that_there_are() -> None:
    services = set(yaml.safe_load((ROOT / "compose.yaml").read_text())["services"])
    named = [
        next(word for word in line[3:] if not word.startswith("-") and word != "HUP")
        for line in lines("docker")
        if line[2] in ("exec", "run", "kill", "logs")
    ]

    assert named
    assert set(named) <= services


def test_what_is_said_with_nats_is_understood() -> None:
    known = {tag(command): command for actor in ACTORS for command in actor.commands}
    said = [line[4:6] for line in lines("nats") if line[3] in ("pub", "req")]

    assert said
    for subject, body in said:
        to, question = subjects.parse_command(subject), subjects.parse_ask(subject)
        assert to or question, subject
        if to is not None:
            msgspec.json.decode(body, type=known[f"{to.kind}.{to.verb}"])


@pytest.mark.parametrize("name", ["publish.py", "publish.mjs"])
def test_the_clients_of_the_readme_are_files_too(name: str) -> None:
    shown = [block.text for block in blocks((ROOT / "README.md").read_text())]

    assert (ROOT / "examples" / "clients" / name).read_text() in shown


def test_the_readme_installs_the_versions_of_the_client() -> None:
    wanted = json.loads((ROOT / "examples" / "clients" / "package.json").read_text())["dependencies"]
    readme = (ROOT / "README.md").read_text()

    assert wanted
    assert all(f"{name}@{version}" in readme for name, version in wanted.items())
