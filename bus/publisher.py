"""Publish so that nothing is lost and nothing is stored twice: atomic batches, and singles when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.nuid import NUID

from bus.frames import publication, send
from bus.streams import stream_of
from messages import subjects
from messages.headers import HeaderLines, lines

BATCH_MESSAGES_MAX = 1000
"""The server's own bound."""
BATCH_MESSAGES_MIN = 4
"""Fewer are quicker one by one."""
ACK_SECONDS = 5.0
CONNECT_SECONDS = 10.0
ATTEMPTS = 3
HEADERS_BYTES_SPARE = 256
"""What the server's bound on a message leaves for the headers that we add."""

_BATCH_ID = "Nats-Batch-Id"
_BATCH_SEQUENCE = "Nats-Batch-Sequence"
_BATCH_COMMIT = "Nats-Batch-Commit"
_NO_ACK = "the answer is no acknowledgement"
_NO_ANSWER = "no acknowledgement: it may be stored or not"


class Outbound(NamedTuple):
    """One message to store; the broker drops a second one with the same ``id``."""

    subject: str
    id: str
    headers: Mapping[str, str]
    body: bytes


class PublishFailed(Exception):
    """Some messages are not known to be stored; publish those again with the same ids."""

    def __init__(
        self, reasons: Mapping[int, str], sequences: Mapping[int, int], hopeless: frozenset[int]
    ) -> None:
        first = next(iter(reasons.values()), "")
        super().__init__(f"{len(reasons)} messages are not known to be stored: {first}")
        self.missing = sorted(reasons)
        """Their places in what was to be published."""
        self.reasons = dict(reasons)
        self.sequences = dict(sequences)
        """The stream sequence of each message that is stored, by place."""
        self.hopeless = hopeless
        """The places of those that no repetition can store: they are too large."""


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    """What the server says to a publish."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    batch: str = ""
    count: int = 0
    error: _Error | None = None


class Publisher:
    """The one mouth of a connection."""

    def __init__(self, client: Client, connected: asyncio.Event) -> None:
        self._client = client
        self._connected = connected
        self._nuid = NUID()
        self._inbox = ""
        self._count = 0
        self._waiting: dict[str, asyncio.Future[_Ack]] = {}

    def forget(self) -> None:
        """Stop to wait for acknowledgements that a lost connection will not bring."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(_unknown("the connection was lost"))

    async def publish(self, batch: Sequence[Outbound]) -> list[int]:
        """Store all, in order within each stream, and return their sequences; raises PublishFailed."""
        await self._listen()
        limit = self._client.max_payload - HEADERS_BYTES_SPARE
        sequences: dict[int, int] = {}
        reasons = {n: "it is too large" for n, message in enumerate(batch) if _is_over(message, limit)}
        hopeless = frozenset(reasons)
        for places in _by_stream(batch, hopeless):
            for start in range(0, len(places), BATCH_MESSAGES_MAX):
                part = places[start : start + BATCH_MESSAGES_MAX]
                stored, refused = await self._store(part, batch)
                sequences |= stored
                reasons |= refused
        if reasons:
            raise PublishFailed(reasons, sequences, hopeless)
        return [sequences[place] for place in range(len(batch))]

    async def _listen(self) -> None:
        # Not when connecting: a user who only reads may have no right to an inbox.
        if not self._inbox:
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(f"{self._inbox}.*", cb=self._on_ack)

    async def _store(
        self, places: Sequence[int], batch: Sequence[Outbound]
    ) -> tuple[dict[int, int], dict[int, str]]:
        if len(places) >= BATCH_MESSAGES_MIN and await self._is_connected():
            last = await self._commit([batch[place] for place in places])
            if last:
                first = last - len(places) + 1
                return {place: first + n for n, place in enumerate(places)}, {}
        return await self._store_singly(places, batch)

    async def _commit(self, messages: Sequence[Outbound]) -> int:
        """Publish an atomic batch (ADR-50); return the sequence of its last message, or 0."""
        name = self._nuid.next().decode()
        final = len(messages)
        reply, waiting = self._expect()
        try:
            frames = []
            for number, message in enumerate(messages, 1):
                more = {
                    subjects.MESSAGE_ID: message.id,
                    _BATCH_ID: name,
                    _BATCH_SEQUENCE: str(number),
                }
                if number == final:
                    more[_BATCH_COMMIT] = "1"
                to = (message.subject, reply if number == final else "")
                frames.append(publication(to, message.headers, more, message.body))
            await send(self._client, frames)
            ack = await asyncio.wait_for(waiting, ACK_SECONDS)
        except (TimeoutError, nats.errors.Error):
            return 0  # it may be stored: then the singles are duplicates
        finally:
            self._waiting.pop(reply, None)
        return ack.seq if ack.error is None and ack.batch == name and ack.count == final else 0

    async def _store_singly(
        self, places: Sequence[int], batch: Sequence[Outbound]
    ) -> tuple[dict[int, int], dict[int, str]]:
        stored: dict[int, int] = {}
        refused = dict.fromkeys(places, "there is no connection")
        for _ in range(ATTEMPTS):
            if not refused or not await self._is_connected():
                break
            todo = sorted(refused)
            for place, ack in zip(todo, await self._send_singly([batch[n] for n in todo]), strict=True):
                if ack.error is None and ack.seq:
                    stored[place] = ack.seq
                    del refused[place]
                else:
                    refused[place] = (
                        ack.error.description if ack.error else "the answer is no acknowledgement"
                    )
        return stored, refused

    async def _send_singly(self, messages: Sequence[Outbound]) -> list[_Ack]:
        expected = [self._expect() for _ in messages]
        try:
            await send(
                self._client,
                [
                    publication(
                        (message.subject, reply),
                        message.headers,
                        {subjects.MESSAGE_ID: message.id},
                        message.body,
                    )
                    for message, (reply, _) in zip(messages, expected, strict=True)
                ],
            )
            await asyncio.wait([waiting for _, waiting in expected], timeout=ACK_SECONDS)
        except nats.errors.Error as error:
            return [_unknown(str(error))] * len(messages)
        finally:
            for reply, _ in expected:
                self._waiting.pop(reply, None)
        return [waiting.result() if waiting.done() else _unknown(_NO_ANSWER) for _, waiting in expected]

    async def _is_connected(self) -> bool:
        try:
            await asyncio.wait_for(self._connected.wait(), CONNECT_SECONDS)
        except TimeoutError:
            return False
        return True

    def _expect(self) -> tuple[str, asyncio.Future[_Ack]]:
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        waiting: asyncio.Future[_Ack] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = waiting
        return reply, waiting

    async def _on_ack(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject)
        if waiting is not None and not waiting.done():
            waiting.set_result(_read_ack(message))


def _read_ack(message: Msg) -> _Ack:
    if message.headers and "Status" in message.headers:
        return _unknown("no stream takes this subject")
    try:
        return msgspec.json.decode(message.data, type=_Ack)
    except msgspec.MsgspecError:
        return _unknown(_NO_ACK)


def _unknown(why: str) -> _Ack:
    return _Ack(error=_Error(description=why))


def _is_over(message: Outbound, limit: int) -> bool:
    headers = message.headers
    raw = headers.raw if isinstance(headers, HeaderLines) else lines(headers)
    return len(message.body) + len(raw) > limit


def _by_stream(batch: Sequence[Outbound], hopeless: frozenset[int]) -> list[list[int]]:
    places: dict[str, list[int]] = {}
    for place, message in enumerate(batch):
        if place not in hopeless:
            places.setdefault(stream_of(message.subject), []).append(place)
    return list(places.values())
