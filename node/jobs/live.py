"""What a job writes, told while it runs: a part at a time, and no more often than it is taken."""

from __future__ import annotations

import asyncio
from codecs import getincrementaldecoder
from collections.abc import Awaitable, Callable

from messages.job_run import PART_CHARACTERS

APART_SECONDS = 0.2
"""How far apart two parts are at least."""

Say = Callable[[int, dict[str, str]], Awaitable[None]]
"""Tells a part, and which one it is."""


class Live:
    """Collects what comes, and tells it."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._decoders = {name: getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}
        self._waiting = {"stdout": "", "stderr": ""}
        self._told = 0
        self._more = asyncio.Event()

    def hear(self, name: str, part: bytes) -> None:
        """Take a part of an output; the keeper bounds how much comes."""
        self._waiting[name] += self._decoders[name].decode(part).replace("\0", "\N{REPLACEMENT CHARACTER}")
        self._more.set()

    async def tell(self) -> None:
        """Tell what comes; until it is cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            await self.rest()
            await asyncio.sleep(APART_SECONDS)

    async def rest(self) -> None:
        """Tell all that waits."""
        while any(self._waiting.values()):
            part = {name: text[:PART_CHARACTERS] for name, text in self._waiting.items() if text}
            for name, text in part.items():
                self._waiting[name] = self._waiting[name][len(text) :]
            self._told += 1
            await self._say(self._told, part)
