"""A client that writes any bytes to the server, and hears what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.fault.mutants import Mutant
from tests.fault.process import SECONDS, NodeProcess

IN_FLIGHT_MAX = 256


class Wire:
    """One connection as the operator, below the checks of the client library."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def listen(self) -> None:
        await self._client.subscribe(f"{self._inbox}.*", cb=self._heard)

    async def ask(self, message: Mutant) -> bytes:
        """Send and return what is answered."""
        async with self._slots, asyncio.timeout(SECONDS):
            reply = f"{self._inbox}.{len(self._waiting)}"
            self._waiting[reply] = asyncio.get_running_loop().create_future()
            await self.tell(message, reply)
            return await self._waiting[reply]

    async def tell(self, message: Mutant, reply: str = "") -> None:
        """Send, whether somebody answers or not."""
        subject, headers, body = message
        sizes = b"%d %d" % (len(headers), len(headers) + len(body))
        await self._client._send_command(
            b"HPUB %b %b %b\r\n%b%b\r\n" % (subject, reply.encode(), sizes, headers, body)
        )
        await self._client._flush_pending()

    async def _heard(self, message: Msg) -> None:
        self._waiting[message.subject].set_result(message.data)


@asynccontextmanager
async def wire(node: NodeProcess) -> AsyncIterator[Wire]:
    client = await nats.connect(node.url, nkeys_seed=str(node.data / "keys" / "operator.seed"))
    try:
        opened = Wire(client)
        await opened.listen()
        yield opened
    finally:
        await client.close()
