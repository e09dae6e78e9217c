"""Nodes that the tests of one file share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.federation.forger import Scene, forging
from tests.federation.stage import in_own_task
from tests.nodes import Operator, federation, one_node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operator]:
    """A node without peers."""
    async with in_own_task(one_node(tmp_path_factory.mktemp("one") / "acme", "acme")) as node:
        yield node


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data of the three are."""
    return tmp_path_factory.mktemp("three")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(directory: Path) -> AsyncIterator[list[Operator]]:
    """A laboratory, a computing centre and an observatory that have met."""
    async with in_own_task(federation(directory, "lab", "centre", "observatory")) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def lab(three: list[Operator]) -> Operator:
    return three[0]


@pytest.fixture(scope="module")
def centre(three: list[Operator]) -> Operator:
    return three[1]


@pytest.fixture(scope="module")
def observatory(three: list[Operator]) -> Operator:
    return three[2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A victim with two peers, of which one lies."""
    directory = tmp_path_factory.mktemp("scene")
    async with (
        in_own_task(federation(directory, "victim", "mallory", "third")) as nodes,
        forging(directory / "mallory", nodes[0]) as forger,
    ):
        yield Scene(forger, nodes[0], nodes[2])
