"""A gate before a NATS server that turns clients away, as one does that is told anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

BYTES = 1 << 16
REFUSAL = b"-ERR 'Authorization Violation'\r\n"
PONG = b"PONG\r\n"


class Gate:
    """Passes everything on; ``refuse`` says which of the next connections it does not let in."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._inside: set[asyncio.StreamWriter] = set()
        self.refuse = 0
        """How many of the next connections are refused; the others are let in."""
        self.refuse_after_pong = 0
        """How many of the next are let in, and thrown out in the same breath."""
        self.came = 0

    async def throw_out(self) -> None:
        """Tell all who are inside that they are refused, and hang up."""
        for client in list(self._inside):
            await _refuse(client)

    def hang_up(self) -> None:
        """Hang up on all who are inside, without a word."""
        for client in list(self._inside):
            client.close()

    async def pass_on(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.came += 1
        from_server, server = await asyncio.open_connection("127.0.0.1", self._port)
        with suppress(OSError):
            client.write(await from_server.readline())  # INFO
            if self.refuse:
                self.refuse -= 1
                await reader.readline()  # CONNECT
                await _refuse(client)
            else:
                self._inside.add(client)
                await self._let_in((reader, client), (from_server, server))
        self._inside.discard(client)
        server.close()
        client.close()

    async def _let_in(
        self,
        outside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        inside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        back = asyncio.create_task(_copy(inside[0], outside[1], self._is_last_word))
        await _copy(outside[0], inside[1], lambda _: False)
        back.cancel()
        await asyncio.wait([back])

    def _is_last_word(self, said: bytes) -> bool:
        is_last = PONG in said and self.refuse_after_pong > 0
        self.refuse_after_pong -= is_last
        return is_last


async def _copy(
    source: asyncio.StreamReader, to: asyncio.StreamWriter, is_last: Callable[[bytes], bool]
) -> None:
    while said := await source.read(BYTES):
        to.write(said)
        if is_last(said):
            await _refuse(to)
            return
        await to.drain()


async def _refuse(client: asyncio.StreamWriter) -> None:
    client.write(REFUSAL)
    await client.drain()
    client.close()


@asynccontextmanager
async def gate(url: str) -> AsyncIterator[tuple[Gate, str]]:
    """Stand before a server; gives the gate and the address of its outside."""
    before = Gate(int(url.rpartition(":")[2]))
    async with await asyncio.start_server(before.pass_on, "127.0.0.1", 0) as server:
        yield before, f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
