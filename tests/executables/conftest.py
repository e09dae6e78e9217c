from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors import ACTORS
from node.engine import Engine
from store.open import open_store
from tests.executables.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_store(tmp_path / "covey.db") as store:
        yield World(Engine("here", ACTORS, store))
