"""Read a durable pull consumer with one long request that is renewed before it runs dry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from bus import api
from bus.frames import Acknowledgements, Start
from bus.streams import NANOSECONDS

PULL_SECONDS = 30
HEARTBEAT_SECONDS = 2
HEARTBEATS_MISSED_MAX = 2
PAUSE_SECONDS = 1.0
"""How long a server that just died is waited for: its end may not be known yet."""
MICROSECOND_NANOSECONDS = 1000

_NEXT = "$JS.API.CONSUMER.MSG.NEXT"
_RESET = "CONSUMER.RESET"
_STATUS = "Status"
_EXPIRED = "408"
_HEARTBEAT = "100"
_PENDING = "Nats-Pending-Messages"
_NOT_SENT: dict[str, str] = {}


class Delivery:
    """One message of a stream, to be acknowledged, refused for a while, or given up."""

    __slots__ = (
        *("_acknowledgements", "_reply", "at", "attempts", "body"),
        *("headers", "pending", "sequence", "subject"),
    )

    def __init__(self, acknowledgements: Acknowledgements, message: Msg) -> None:
        self._acknowledgements = acknowledgements
        self._reply = message.reply
        self.subject: str = message.subject
        self.headers: dict[str, str] = message.headers or _NOT_SENT
        self.body: bytes = message.data
        parts = message.reply.split(".")
        # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<attempts>.<sequence>.<of consumer>.
        # <nanoseconds>.<pending>
        first = 4 if len(parts) == 9 else 6
        self.attempts = int(parts[first])
        self.sequence = int(parts[first + 1])
        self.at = int(parts[first + 3]) // MICROSECOND_NANOSECONDS
        """When the stream stored it, in microseconds since 1970; the same at each delivery."""
        self.pending = int(parts[first + 4])
        """How many more the consumer has to deliver."""

    async def ack(self) -> None:
        """Say that it is done, without waiting: an acknowledgement that gets lost means a redelivery."""
        self.say_ack()

    def say_ack(self) -> None:
        """Do as ``ack`` does, where nothing may be awaited."""
        self._acknowledgements.settle(self._reply, b"+ACK")

    async def nak(self, delay_seconds: float = 0.0) -> None:
        """Ask for it again, not before the delay has passed."""
        delay = msgspec.json.encode({"delay": int(delay_seconds * NANOSECONDS)})
        self._acknowledgements.settle(self._reply, b"-NAK " + delay if delay_seconds > 0 else b"-NAK")

    async def working(self) -> None:
        """Say that it is still worked on: its time to be acknowledged begins anew."""
        self._acknowledgements.say(self._reply, b"+WPI")


class Consumer:
    """A running reader; what it delivers and nobody acknowledged is bounded by the consumer's own setting."""

    def __init__(
        self,
        client: Client,
        durable: tuple[str, str],
        buffer: int,
        on_delivery: Callable[[Delivery], None],
        start: Start,
        *,
        is_handed: bool = False,
    ) -> None:
        """``durable`` is the stream and the consumer; ``start`` runs what is to happen beside the caller.

        With ``is_handed`` it asks for no more than there are hands (``buffer``): what was delivered keeps one
        until ``free`` is called.
        """
        stream, consumer = durable
        self._client = client
        self.acknowledgements = Acknowledgements(client, start)
        self._subject = f"{_NEXT}.{stream}.{consumer}"
        self._buffer = buffer
        self._on_delivery = on_delivery
        self._subscription: Subscription | None = None
        self._outstanding = 0
        self._is_handed = is_handed
        self._in_hand = 0
        self._inbox = ""
        self._heard = 0.0
        self._is_faulty = False
        self.is_rewound = False
        """Whether this reader is the only one, which has all delivered again whenever it begins anew."""
        self.is_held = False
        """Whether it hears nothing until it is rewound."""
        self.name = f"{stream}/{consumer}"
        self.stalls = 0
        """How many times the server fell silent and was asked again."""

    async def start(self) -> None:
        """Begin to read, or go on after a pause."""
        if self._subscription is not None:
            return
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(
            self._inbox, cb=self._on_message, pending_msgs_limit=0, pending_bytes_limit=0
        )
        await self.pull_again()

    async def pause(self) -> None:
        """Stop to read; all that the server has sent is delivered before this returns."""
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        with suppress(nats.errors.Error, TimeoutError):
            if self._client.is_connected:
                async with asyncio.timeout(PAUSE_SECONDS):
                    await subscription.drain()  # type: ignore[no-untyped-call]  # the library has no type for it
            else:
                await subscription.unsubscribe()

    stop = pause

    async def rewind(self) -> None:
        """Begin behind the last message before which all are acknowledged; raises what ``api.ask`` does.

        What was in hand when we or the server died would come back in 30 s, behind what came after it.
        """
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.unsubscribe()  # ends our old request: nobody listens to its answers
        await api.ask(self._client, f"{_RESET}.{self.name.replace('/', '.')}")
        self.is_rewound, self.is_held = True, False
        await self.start()

    async def free(self) -> None:
        """Say that one hand is free again."""
        self._in_hand -= 1
        await self._top_up()

    async def pull_again(self) -> None:
        """Ask anew: requests die silently with the connection."""
        self._outstanding = 0
        self._heard = asyncio.get_running_loop().time()
        await self._top_up()

    async def watch(self) -> None:
        """Ask again whenever two heartbeats are missed; runs until it is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            silence = clock() - self._heard
            is_silent = silence > HEARTBEAT_SECONDS * HEARTBEATS_MISSED_MAX or self._is_faulty
            if self._subscription is None or self.is_held or not self._client.is_connected or not is_silent:
                continue
            if self._in_hand >= self._buffer:
                continue  # nothing was asked for
            self.stalls += 1
            self._is_faulty = False
            await self.pull_again()

    async def _on_message(self, message: Msg) -> None:
        if self.is_held:
            return
        self._heard = asyncio.get_running_loop().time()
        if message.headers and _STATUS in message.headers and not message.reply.startswith("$JS.ACK."):
            await self._on_status(message.headers)
            return
        self._outstanding -= 1
        self._in_hand += self._is_handed
        self.acknowledgements.take()
        self._on_delivery(Delivery(self.acknowledgements, message))
        if self._outstanding <= self._buffer // 2:
            await self._top_up()

    async def _on_status(self, headers: dict[str, str]) -> None:
        status = headers[_STATUS]
        if status == _HEARTBEAT:
            return
        self._outstanding = max(0, self._outstanding - int(headers.get(_PENDING, self._outstanding)))
        if status == _EXPIRED:
            await self._top_up()
        else:
            self._is_faulty = True  # asked again at once, a missing consumer would be asked in a tight loop

    async def _top_up(self) -> None:
        wanted = self._buffer - self._outstanding - self._in_hand
        few = 1 if self._is_handed else self._buffer - self._buffer // 2
        if self._subscription is None or wanted < few:
            return
        self._outstanding += wanted
        request = {
            "batch": wanted,
            "expires": PULL_SECONDS * NANOSECONDS,
            "idle_heartbeat": HEARTBEAT_SECONDS * NANOSECONDS,
        }
        with suppress(nats.errors.Error):  # the reconnect asks again
            await self._client.publish(self._subject, msgspec.json.encode(request), self._inbox)
