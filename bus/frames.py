"""Protocol frames of many messages, written at once: the client library takes them one by one.

The library checks and copies each header of each message; for a batch of our own messages that is most of the
work of publishing. What is sent is the same (https://docs.nats.io/reference/reference-protocols/nats-protocol).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import nats.errors
from nats.aio.client import Client

from messages.headers import HeaderLines, lines


def publication(
    to: tuple[str, str], headers: Mapping[str, str], more: Mapping[str, str], body: bytes
) -> bytes:
    """Return the frame of one message to a subject and a reply subject, with headers and more of them."""
    subject, reply = to
    raw = headers.raw if isinstance(headers, HeaderLines) else lines(headers)
    block = b"NATS/1.0\r\n%b%b\r\n" % (raw, lines(more))
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject.encode(),
        reply.encode(),
        len(block),
        len(block) + len(body),
        block,
        body,
    )


async def send(client: Client, frames: list[bytes]) -> None:
    """Write frames to the connection; raises nats.errors.Error when it is closed."""
    if client.is_closed:
        raise nats.errors.ConnectionClosedError
    # the two steps of the library's own publish, for many frames at once
    await client._send_command(b"".join(frames))
    await client._flush_pending()


Start = Callable[[Coroutine[Any, Any, None]], object]
"""Runs something beside the caller."""


class Acknowledgements:
    """Gathers what is said of deliveries in one turn of the loop, and sends it together."""

    def __init__(self, client: Client, start: Start) -> None:
        self._client = client
        self._start = start
        self._frames: list[bytes] = []
        self._in_hand = 0
        self._is_settled = asyncio.Event()
        self._is_settled.set()

    def take(self) -> None:
        """Know that there is a delivery more."""
        self._in_hand += 1
        self._is_settled.clear()

    def settle(self, reply: str, what: bytes) -> None:
        """Say the last word of a delivery."""
        self.say(reply, what)
        self._in_hand -= 1
        if self._in_hand <= 0:
            self._is_settled.set()

    async def wait_settled(self, seconds: float) -> None:
        """Return when the last word of each delivery was said, or when the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_settled.wait()

    def say(self, reply: str, what: bytes) -> None:
        """Say something of a delivery soon; lost with the connection, it means a redelivery."""
        self._frames.append(b"PUB %b %d\r\n%b\r\n" % (reply.encode(), len(what), what))
        if len(self._frames) == 1:
            with suppress(RuntimeError):  # the connection was closed while the delivery was in hand
                self._start(self.flush())

    async def flush(self) -> None:
        """Send what was said so far."""
        frames, self._frames = self._frames, []
        if frames and self._client.is_connected:
            with suppress(nats.errors.Error, OSError):
                await send(self._client, frames)
