"""Askers that wait until an entity can answer: each commit that changes it wakes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from actors.actor import Rejected
from node.live import Key

WAITERS_MAX = 512
"""How many askers may wait at a time: half of the questions that a node answers side by side."""


class Waiting:
    """The askers of one node that wait."""

    def __init__(self) -> None:
        self._waiters: dict[Key, set[asyncio.Event]] = {}
        self.count = 0
        """How many wait."""
        self._is_closed = False

    async def until(self, key: Key, is_over: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Return as soon as it is over, or when the time is up; looks at once, and after each change."""
        with self._ear(key) as changed:
            if await is_over():
                return
            with self._seat(), suppress(TimeoutError):  # the answer of the moment is an answer too
                async with asyncio.timeout(seconds):
                    while not self._is_closed:
                        await changed.wait()
                        changed.clear()
                        if await is_over():
                            return

    def wake(self, keys: Collection[Key]) -> None:
        """Let those look again who wait for one of the entities that have changed."""
        if self._waiters:
            for key in keys:
                for changed in self._waiters.get(key, ()):
                    changed.set()

    def close(self) -> None:
        """Let nobody wait any longer: the node stops."""
        self._is_closed = True
        self.wake(self._waiters.keys())

    @contextmanager
    def _ear(self, key: Key) -> Iterator[asyncio.Event]:
        """Hear of changes from before the first look on, so that none falls between the two."""
        changed = asyncio.Event()
        self._waiters.setdefault(key, set()).add(changed)
        try:
            yield changed
        finally:
            self._waiters[key].discard(changed)
            if not self._waiters[key]:
                del self._waiters[key]

    @contextmanager
    def _seat(self) -> Iterator[None]:
        if self.count >= WAITERS_MAX:
            raise Rejected("overloaded", f"{WAITERS_MAX} askers wait already; ask again")
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
