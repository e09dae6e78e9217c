"""Two nodes that have met, for all tests of the command line: ``lab`` plans on what ``centre`` owns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Node, up


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with up(tmp_path_factory.mktemp("nodes") / "lab", "lab") as node:
        yield node


@pytest.fixture(scope="session")
def centre(lab: Node) -> Iterator[Node]:
    with up(lab.data.with_name("centre"), "centre") as node:
        token = lab.done("peer", "invite", "centre").strip()
        node.done("peer", "accept", "-", given=token)
        yield node


@pytest.fixture
def write(tmp_path: Path) -> Iterator[object]:
    def write(text: str, name: str = "file.yaml") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    yield write
