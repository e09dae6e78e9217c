"""A store on a real file, and an engine on it for all toys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.answers import Answers
from node.engine import Engine
from store.open import open_store
from store.store import Store
from tests.node.counter import COUNTER, PUPPET, TOY

TOYS = (COUNTER, TOY, PUPPET)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "covey.db") as store:
        yield store


@pytest.fixture
def engine(store: Store) -> Engine:
    return Engine("here", TOYS, store)


@pytest.fixture
def answers(engine: Engine, store: Store) -> Answers:
    return Answers(engine, store, TOYS)
