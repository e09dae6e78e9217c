"""A read-only link to a peer's NATS: its gateway's ear."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from bus.connection import INBOX, Bus, connect
from bus.consumer import Delivery
from bus.streams import OUT
from bus.tasks import Crew, Report

BUFFER = 256
CONNECT_SECONDS = 5.0
RETRY_SECONDS_FIRST = 0.5
RETRY_SECONDS_MAX = 5.0
SETTLE_SECONDS = 3.0
"""How long a link that ends waits for what it has delivered: else it comes later, behind others."""


class Link:
    """Reads what a peer has for us, for ever, whatever happens to the way there."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        seed_path: Path,
        on_delivery: Callable[[Delivery], None],
        on_error: Report = lambda _: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``name`` is what the peer calls us: the name of its consumer for us."""
        self._url = url
        self._name = name
        self._seed_path = seed_path
        self._tls = tls
        self._on_delivery = on_delivery
        self._on_error = on_error
        self._crew = Crew(on_error)
        self._bus: Bus | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the peer's server can be reached now."""
        return self._bus is not None and self._bus.is_connected

    async def start(self) -> None:
        """Begin to connect; returns at once, for the peer may be away."""
        await self._crew.open()
        self._crew.start(self._run())

    async def stop(self) -> None:
        """End the link; all that was sent to us is delivered, and acknowledged or refused, before that."""
        if self._bus is not None:
            await self._bus.drain(SETTLE_SECONDS)
        await self._crew.close()

    async def __aenter__(self) -> Link:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _run(self) -> None:
        delay = RETRY_SECONDS_FIRST
        while True:
            try:
                if await self._read():
                    delay = RETRY_SECONDS_FIRST
            except Exception as error:  # the server may throw us out while we ask it for the first time
                self._on_error(error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, RETRY_SECONDS_MAX)

    async def _read(self) -> bool:
        """Read until the server throws us out; say whether it had let us in."""
        try:
            self._bus = await connect(
                self._url,
                name=f"covey-link-{self._name}",
                seed_path=self._seed_path,
                tls=self._tls,
                inbox_prefix=f"{INBOX}.{self._name}",
                within_seconds=CONNECT_SECONDS,
                reconnect_seconds_max=RETRY_SECONDS_MAX,
                leaves_when_refused=True,
                on_error=self._on_error,
            )
        except (OSError, ValueError) as error:
            self._on_error(error)
            return False
        async with self._bus:
            await self._bus.consume(OUT, self._name, buffer=BUFFER, on_delivery=self._on_delivery)
            await self._bus.wait_closed()
        return True
