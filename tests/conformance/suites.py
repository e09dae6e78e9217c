"""The suite of the language: its features, its examples, and what is no definition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.documents import parse

SUITE = Path(__file__).parents[2].parent / "shared" / "suites" / "ows"
"""Beside the checkout."""
REASON = "the suite of the Open Workflow Specification is not there: put it beside the checkout"
is_there = pytest.mark.skipif(not SUITE.is_dir(), reason=REASON)


class Step(NamedTuple):
    """One line of a scenario, and the text under it."""

    text: str
    block: str


class Scenario(NamedTuple):
    """One scenario of a feature."""

    feature: str
    name: str
    steps: tuple[Step, ...]


def scenarios() -> list[Scenario]:
    """Return the scenarios of all features."""
    found = sorted((SUITE / "ctk" / "features").glob("*.feature"))
    return [scenario for path in found for scenario in _scenarios(path.stem, path.read_text())]


def _scenarios(feature: str, text: str) -> Iterator[Scenario]:
    for part in text.split("Scenario:")[1:]:
        name, _, body = part.partition("\n")
        yield Scenario(feature, name.strip(), tuple(_steps(body)))


def _steps(body: str) -> Iterator[Step]:
    lines = iter(body.splitlines())
    pending = ""
    for line in lines:
        text = line.strip()
        if text.startswith('"""'):
            block = "\n".join(iter(lambda: next(lines), line[: line.index('"')] + '"""'))
            yield Step(pending, block)
            pending = ""
        elif text.startswith(("Given ", "When ", "Then ", "And ")):
            if pending:
                yield Step(pending, "")
            pending = text.partition(" ")[2]
    if pending:
        yield Step(pending, "")


def value(block: str) -> Any:
    """Read a value of any kind."""
    indented = "\n".join(f"  {line}" for line in block.splitlines())
    return parse(f"value:\n{indented}")[0]["value"]


def files(folder: str) -> list[Path]:
    """Return the definitions of a folder."""
    return sorted((SUITE / folder).glob("*.yaml"))
