"""A server, and a client that may reach it and nothing else of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.calls.client import Client
from tests.calls.served import Site, calling, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with calling(site.allowance) as client:
        yield client
