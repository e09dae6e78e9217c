"""A server on loopback that counts what runs ask of it, by the key that tells one call from another."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

KEY = "Idempotency-Key"
FAILURES = 2
"""How often ``/flaky`` fails before it answers."""


class Answering:
    """What was asked of it."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: Counter[tuple[str, str]] = Counter()
        """How often each call came, by its path and key."""
        self._keys: dict[str, list[str]] = defaultdict(list)
        self._more = asyncio.Event()

    @property
    def keys(self) -> dict[str, list[str]]:
        """The keys of each path, in the order in which they came first."""
        return {path: list(keys) for path, keys in self._keys.items()}

    async def until(self, fits: Callable[[Answering], bool], seconds: float) -> None:
        """Return when it was asked what a test waits for."""
        async with asyncio.timeout(seconds):
            while not fits(self):
                self._more.clear()
                await self._more.wait()

    async def answer(self, request: web.Request) -> web.Response:
        """Tell the last part of the path; a flaky one fails at its first keys, and at each of them always."""
        path, key = request.path, request.headers[KEY]
        self.seen[path, key] += 1
        if key not in self._keys[path]:
            self._keys[path].append(key)
        self._more.set()
        if path.startswith("/flaky/") and self._keys[path].index(key) < FAILURES:
            return web.Response(status=503)
        return web.json_response({"told": path.rpartition("/")[2]})


@asynccontextmanager
async def answering() -> AsyncIterator[Answering]:
    """Serve on a free port of loopback."""
    made = Answering()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()
