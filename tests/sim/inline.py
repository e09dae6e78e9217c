"""SQLite without a thread: a simulation does one thing at a time, and hops only cost time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosqlite import Connection

import node.intake

BATCH = 5


async def _connect(self: Connection) -> Connection:
    if self._connection is None:
        self._connection = self._connector()
    return self


async def _execute(_self: Connection, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return work(*args, **more)


@contextmanager
def without_threads() -> Iterator[None]:
    """Let every database that is opened in this context do its work where it is asked to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "_connect", _connect)
        patch.setattr(Connection, "_execute", _execute)
        # small batches, so that one is decided while the one before it is written
        patch.setattr(node.intake, "BATCH", BATCH)
        yield
