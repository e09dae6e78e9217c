"""All that a node does with a connection to one account of a NATS server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from bus import api, ensure
from bus.consumer import Consumer, Delivery
from bus.publisher import Outbound, Publisher
from bus.services import Handler, Served
from bus.streams import ConsumerSettings, StreamSettings
from bus.tasks import Crew, Report
from messages import subjects

BUFFER = 2048
"""How many messages a consumer asks for at a time."""
REFUSALS_BELIEVED = 3
"""How often in a row: a server that reads its configuration again refuses whoever is just coming in."""
_REFUSED = "authorization violation"


class Heard(NamedTuple):
    """A message that nobody acknowledges."""

    subject: str
    headers: dict[str, str]
    body: bytes


class StreamState(NamedTuple):
    """What a stream holds; another ``created`` or a smaller ``last`` means that it lost something."""

    created: str
    """RFC 3339, in nanoseconds."""
    first: int
    last: int
    messages: int
    bytes: int


class ServerFacts(NamedTuple):
    """What a server says of itself."""

    version: str
    url: str
    name: str


class Bus:
    """An open connection; every method may be called again after a failure."""

    def __init__(
        self,
        client: Client,
        on_error: Report,
        on_reconnect: Callable[[], object],
        *,
        leaves_when_refused: bool,
    ) -> None:
        self._client = client
        self._leaves_when_refused = leaves_when_refused
        self.on_error = on_error
        """Called with each error that nobody waits for."""
        self.on_reconnect = on_reconnect
        """Called whenever the connection is back."""
        self.on_disconnect: Callable[[], object] = lambda: None
        """Called whenever the connection is lost."""
        self._crew = Crew(self._errored_beside)
        self._connected = asyncio.Event()
        self._closed = asyncio.Event()
        self._was_open = False
        self._refusals = 0
        self._is_thrown_out = asyncio.Event()
        self._publisher = Publisher(client, self._connected)
        self._consumers: list[Consumer] = []
        self._services: list[Served] = []

    @property
    def is_connected(self) -> bool:
        """Whether the server can be reached now."""
        return self._client.is_connected

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended for good."""
        return self._closed.is_set()

    @property
    def stalls(self) -> int:
        """How many times consumers fell silent and were asked again."""
        return sum(consumer.stalls for consumer in self._consumers)

    async def ensure(self, settings: Sequence[StreamSettings]) -> list[str]:
        """Create streams and consumers that are missing; return a line for each setting that differs."""
        return await ensure.ensure(self._client, settings)

    async def ensure_consumer(self, stream: str, settings: ConsumerSettings) -> list[str]:
        """Create one consumer of a stream that is there, if it is missing; raises ConnectionError."""
        try:
            return await ensure.ensure_consumer(self._client, stream, settings)
        except (nats.errors.Error, api.ApiError) as error:
            name = f"{stream}/{settings.name}"
            raise ConnectionError(f"the consumer {name} cannot be made: {error}") from error

    async def drift(self, settings: Sequence[StreamSettings]) -> list[str]:
        """Return a line for each setting that differs, and change nothing."""
        return await ensure.drift(self._client, settings)

    async def publish(self, batch: Sequence[Outbound]) -> list[int]:
        """Store all durably and return their stream sequences; raises PublishFailed."""
        return await self._publisher.publish(batch)

    async def consume(
        self,
        stream: str,
        durable: str,
        *,
        buffer: int = BUFFER,
        is_only_reader: bool = False,
        is_handed: bool = False,
        on_delivery: Callable[[Delivery], None],
    ) -> Consumer:
        """Deliver what a durable consumer has; returns when it was asked for the first time.

        The only reader gets all again that was not acknowledged, in order; after a cut it waits for
        ``rewind``. A handed one gets no more at a time than ``buffer``, until ``Consumer.free``.
        """
        work, start = (stream, durable), self._crew.start
        consumer = Consumer(self._client, work, buffer, on_delivery, start, is_handed=is_handed)
        await (consumer.rewind() if is_only_reader else consumer.start())
        self._consumers.append(consumer)
        self._crew.start(consumer.watch())
        return consumer

    async def rewind(self) -> None:
        """Let the only readers go on after a cut: the streams are known to be there."""
        for consumer in self._consumers:
            if consumer.is_rewound:
                await consumer.rewind()

    async def serve_calls(self, node: str, handler: Handler, *, vouches: bool = False) -> Served:
        """Answer ``covey.<node>.call.>``; handlers run side by side."""
        return await self._serve(node, "call", handler, vouches=vouches)

    async def serve_asks(self, node: str, handler: Handler, *, vouches: bool = False) -> Served:
        """Answer ``covey.<node>.ask.>``; handlers run side by side."""
        return await self._serve(node, "ask", handler, vouches=vouches)

    async def request(self, subject: str, body: bytes, headers: dict[str, str], timeout: float) -> bytes:  # noqa: ASYNC109  # the library's own bound
        """Ask and return the answer; raises TimeoutError, or ConnectionError when nobody listens."""
        try:
            reply = await self._client.request(subject, body, timeout=timeout, headers=headers or None)
        except nats.errors.NoRespondersError as error:
            raise ConnectionError(f"nobody listens on {subject}") from error
        except TimeoutError:
            raise
        except nats.errors.Error as error:
            raise ConnectionError(f"{subject} cannot be said now: {error}") from error
        if reply.headers and "Nats-Service-Error" in reply.headers:
            raise RuntimeError(f"{subject} failed: {reply.headers['Nats-Service-Error']}")
        return reply.data

    async def subscribe(self, subject: str) -> AsyncIterator[Heard]:
        """Hear everything that is published from now on; the server knows of it when this returns."""
        subscription = await self._client.subscribe(subject)
        await self._client.flush()

        async def heard() -> AsyncIterator[Heard]:
            try:
                async for message in subscription.messages:
                    yield Heard(message.subject, message.headers or {}, message.data)
            finally:
                with suppress(nats.errors.Error):
                    await subscription.unsubscribe()

        return heard()

    async def answer(
        self, subject: str, handler: Callable[[dict[str, str], bytes], Awaitable[bytes]]
    ) -> None:
        """Answer one subject, one request after the other; the server knows of it when this returns."""

        async def take(message: Msg) -> None:
            await message.respond(await handler(message.headers or {}, message.data))

        await self._client.subscribe(subject, cb=take)
        await self._client.flush()

    async def watch_unknown(
        self, node: str, kinds: Collection[str], callback: Callable[[Heard], None]
    ) -> None:
        """Report each command whose kind nobody knows: no stream takes it, so it would be lost in silence."""
        place = subjects.every(node, "cmd").count(".")

        async def look(message: Msg) -> None:
            if message.subject.split(".", place + 1)[place] not in kinds:
                callback(Heard(message.subject, message.headers or {}, message.data))

        await self._client.subscribe(subjects.every(node, "cmd"), cb=look)
        await self._client.flush()

    async def stream_state(self, stream: str) -> StreamState | None:
        """Return what a stream holds, or None if there is none."""
        found = await api.find(self._client, f"STREAM.INFO.{stream}")
        if found is None:
            return None
        state = found["state"]
        return StreamState(
            found["created"], state["first_seq"], state["last_seq"], state["messages"], state["bytes"]
        )

    def server_info(self) -> ServerFacts:
        """Return what the server that we are connected to says of itself."""
        told: dict[str, Any] = self._client._server_info  # the library shows only a part of it
        url = self._client.connected_url
        return ServerFacts(
            str(told.get("version", "")), url.geturl() if url else "", str(told.get("server_name", ""))
        )

    async def sync_always(self) -> bool | None:
        """Say whether the server syncs every write; None outside of the system account."""
        with suppress(*api.TIMEOUTS):
            return await api.syncs_always(self._client)
        return None

    async def wait_closed(self) -> None:
        """Return when the connection has ended for good: closed by us, or thrown out by the server."""
        await self._closed.wait()

    async def drain(self, settle_seconds: float = 0.0) -> None:
        """Stop to read, let the services finish, send what is left, and close.

        What was delivered has so long to be acknowledged; else it comes again, but not at once.
        """
        for consumer in self._consumers:
            await consumer.stop()
        for consumer in self._consumers:
            await consumer.acknowledgements.wait_settled(settle_seconds)
            await consumer.acknowledgements.flush()
        if self._client.is_connected:
            for service in self._services:
                await service.stop()
            with suppress(nats.errors.Error, OSError):
                await self._client.drain()
        await self.close()

    async def close(self) -> None:
        """End the connection at once; may be called twice."""
        await self._crew.close()
        with suppress(nats.errors.Error, OSError):  # the server may be gone
            await self._client.close()
        self._closed.set()

    async def __aenter__(self) -> Bus:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _serve(self, node: str, what: str, handler: Handler, *, vouches: bool) -> Served:
        served = Served(self._crew, handler, self.on_error)
        await served.start(self._client, node, what, vouches=vouches)
        self._services.append(served)
        return served

    async def open(self, options: dict[str, Any]) -> None:
        """Connect with the library's options; only ``connect`` calls this."""
        await self._client.connect(
            **options,
            error_cb=self._errored,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            closed_cb=self._ended,
        )
        self._was_open = True
        self._refusals = 0
        self._connected.set()
        await self._crew.open()
        if self._leaves_when_refused:
            self._crew.start(self._leave())

    def _errored_beside(self, error: Exception) -> None:
        self.on_error(error)

    async def _errored(self, error: Exception) -> None:
        if _REFUSED in str(error).lower():
            self._refusals += 1
            if self._refusals >= REFUSALS_BELIEVED:
                if not self._was_open:
                    raise PermissionError("the server does not know our key")  # ends the attempt to connect
                self._is_thrown_out.set()
        self.on_error(error)

    async def _leave(self) -> None:
        """Close for good what the server refuses again and again."""
        await self._is_thrown_out.wait()
        await self._client.close()

    async def _disconnected(self) -> None:
        self._connected.clear()
        self.on_disconnect()
        self._publisher.forget()
        for consumer in self._consumers:
            consumer.is_held = consumer.is_rewound

    async def _reconnected(self) -> None:
        self._connected.set()
        self._refusals = 0
        for consumer in self._consumers:
            if not consumer.is_held:
                await consumer.pull_again()
        self.on_reconnect()

    async def _ended(self) -> None:
        self._connected.clear()
        self._publisher.forget()
        self._closed.set()
