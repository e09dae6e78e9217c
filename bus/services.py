"""Answer calls and questions as NATS micro services, so that ``nats micro ls`` shows them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import EndpointStats, Service, ServiceConfig

from bus.tasks import Crew, Report
from messages import subjects

Handler = Callable[[str, dict[str, str], bytes], Awaitable[bytes]]
"""Takes subject, headers and body; returns the body of the answer."""

IN_FLIGHT_MAX = 1024
"""How many requests of one service may wait for their answers; the rest wait in the connection."""
ANSWER_SECONDS_MAX = 1.0
"""How long a service that stops waits for its answers: what was to make them may have failed."""
VERSION = "1.0.0"
NANOSECONDS = 1_000_000_000


class Served:
    """One running service."""

    def __init__(self, crew: Crew, handler: Handler, report: Report) -> None:
        self._crew = crew
        self._handler = handler
        self._report = report
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._idle = asyncio.Event()
        self._idle.set()
        self._service: Service | None = None
        self.in_flight = 0
        self.answered = 0
        self.failed = 0
        self._seconds = 0.0

    async def start(self, client: Client, node: str, what: str, *, vouches: bool = False) -> None:
        """Answer on ``covey.<node>.<what>.>`` and, where it vouches for them, users on subjects of their own.

        Returns when the server knows.
        """
        config = ServiceConfig(
            name=f"covey-{what}",
            version=VERSION,
            description=f"Covey node {node}: {what}",
            metadata={"node": node},
            stats_handler=self._stats,
        )
        self._service = await add_service(client, config)
        await self._service.add_endpoint(name=what, handler=self._take, subject=subjects.every(node, what))
        if vouches:
            said = subjects.every_of(node, "*", what)
            await self._service.add_endpoint(name=f"{what}-as", handler=self._take, subject=said)
        await client.flush()

    async def stop(self) -> None:
        """Take no more requests and wait a while for the answers of those that were taken."""
        if self._service is not None:
            await self._service.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._idle.wait()

    async def _take(self, request: Request) -> None:
        await self._slots.acquire()
        self.in_flight += 1
        self._idle.clear()
        # The library hears one request at a time: one that waits for a commit must not hold up the next.
        self._crew.start(self._answer(request))

    async def _answer(self, request: Request) -> None:
        since = time.monotonic()
        try:
            body = await self._handler(request.subject, request.headers or {}, request.data)
            await request.respond(body)
            self.answered += 1
        except Exception as error:
            self.failed += 1
            self._report(error)
            await request.respond_error("500", type(error).__name__)
        finally:
            self._seconds += time.monotonic() - since
            self.in_flight -= 1
            self._slots.release()
            if not self.in_flight:
                self._idle.set()

    def _stats(self, _endpoint: EndpointStats) -> dict[str, Any]:
        done = self.answered + self.failed
        average = int(self._seconds * NANOSECONDS / done) if done else 0
        return {
            "in_flight": self.in_flight,
            "answered": self.answered,
            "failed": self.failed,
            "average_answer_nanoseconds": average,
        }
