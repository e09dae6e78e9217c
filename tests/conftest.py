"""A real NATS server for every test that asks."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus import keys
from bus.config import Accounts, Config
from bus.connection import Bus, connect
from bus.keys import Key
from bus.server import Server

NODE = "acme"

# A shell lets what it runs in the background ignore these, and every process that a test starts would too.
for _ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(_ignored, signal.default_int_handler if _ignored is signal.SIGINT else signal.SIG_DFL)


@dataclass(frozen=True)
class Embedded:
    """A running server and the keys of its node."""

    server: Server
    node: Key
    operator: Key
    system: Key
    watcher: Key
    directory: Path

    @property
    def url(self) -> str:
        return self.server.url

    async def connect(self, key: Key | None = None) -> Bus:
        return await connect(self.url, name="test", seed_path=(key or self.node).seed_path)


@asynccontextmanager
async def embedded(tmp_path: Path) -> AsyncIterator[Embedded]:
    """Run a server with the users of a node."""
    names = ("node", "operator", "system", "watcher")
    made = {name: keys.create_seed(tmp_path / "keys" / f"{name}.nk") for name in names}
    accounts = Accounts(
        node=NODE,
        node_key=made["node"].public,
        operator_key=made["operator"].public,
        system_key=made["system"].public,
        watcher_key=made["watcher"].public,
        kinds=("workflow",),
    )
    directory = tmp_path / "nats"

    def config(port: int) -> Config:
        return Config(accounts=accounts, store=directory / "jetstream", port=port)

    async with Server(directory, config) as server:
        yield Embedded(server=server, directory=directory, **made)


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[Embedded]:
    async with embedded(tmp_path) as server:
        yield server


@pytest.fixture
async def bus(nats_server: Embedded) -> AsyncIterator[Bus]:
    async with await nats_server.connect() as bus:
        yield bus
