"""The stations of the third act: a server on loopback that tells the wind; one fails at first."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WINDS = {"brest": 18, "ouessant": 31, "molene": 27}
FLAKY = "ouessant"
FAILURES = 2
"""How often the flaky station fails before it answers."""
HEAD_BYTES_MAX = 16_384
_KEY = re.compile(rb"(?im)^x-key: *(\S+)")
_ANSWER = "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"


class Weather:
    """What the stations were asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.keys: set[str] = set()
        """What they were shown as ``X-Key``."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, such as ``GET /wind/brest``."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.keys |= {found[1].decode() for found in _KEY.finditer(head)}
            station = head.split()[1].decode().rpartition("/")[2]
            status, body = self._tell(station)
            writer.write(_ANSWER.format(status, len(body), body).encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the node was killed
        finally:
            writer.close()

    def _tell(self, station: str) -> tuple[str, str]:
        if station not in WINDS:
            return "404 Not Found", "{}"
        self.asked[station] += 1
        if station == FLAKY and self.asked[station] <= FAILURES:
            return "503 Service Unavailable", "{}"
        return "200 OK", json.dumps({"wind": WINDS[station]})


@asynccontextmanager
async def weather() -> AsyncIterator[Weather]:
    """Serve the stations on a free port of loopback."""
    made = Weather()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX) as server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
