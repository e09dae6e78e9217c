"""Two nodes that have met, for all tests of the command line: ``lab`` plans on what ``centre`` owns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
def write(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "file.yaml"
        path.write_text(text)
        return str(path)

    return write
