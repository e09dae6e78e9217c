"""What a test hears, with something to wait on instead of a sleep."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

SECONDS = 20.0
T = TypeVar("T")


class Ear(Generic[T]):
    """Collects what it is called with."""

    def __init__(self) -> None:
        self.heard: list[T] = []
        self._changed = asyncio.Event()

    def __call__(self, item: T) -> None:
        self.heard.append(item)
        self._changed.set()

    async def count(self, number: int) -> list[T]:
        """Wait until so many were heard."""
        async with asyncio.timeout(SECONDS):
            while len(self.heard) < number:
                self._changed.clear()
                await self._changed.wait()
        return self.heard
