"""How a worker speaks with the node: over the bus from a process of its own, or from within the node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from bus.client import Bus
from bus.signing import Speak, unsigned
from messages import subjects
from messages.envelope import ACTOR, Address, Envelope, Outcome

ANSWER_SECONDS_FIRST = 1.0
"""How long the first answer is waited for; then the same is said again, with the same id."""
ANSWER_SECONDS_MAX = 10.0
AGAIN_SECONDS_FIRST = 0.05
AGAIN_SECONDS_MAX = 1.0
LOG_EVERY = 30
"""A node that is away is told of at each so many attempts."""

_LOG = logging.getLogger("covey.worker")


class Voice(Protocol):
    """What a worker needs of the node."""

    async def call(self, to: Address, verb: str, body: dict[str, Any], message: str) -> Outcome:
        """Say a command and return its outcome; the same ``message`` again has the same outcome."""

    async def ask(self, to: Address, query: str) -> dict[str, Any]:
        """Return the answer to a question, or the refusal of it."""


class BusVoice:
    """Speaks over the bus, and repeats itself until the node answers: it may just be started again."""

    def __init__(self, bus: Bus, node: str, speak: Speak = unsigned) -> None:
        self._bus = bus
        self._node = node
        self._speak = speak

    async def call(self, to: Address, verb: str, body: dict[str, Any], message: str) -> Outcome:
        """Say a command until its outcome is known."""
        subject = subjects.call(self._node, to.kind, to.id, verb)
        reply = await self._until_answered(subject, msgspec.json.encode(body), {subjects.MESSAGE_ID: message})
        return msgspec.json.decode(reply, type=Outcome)

    async def ask(self, to: Address, query: str) -> dict[str, Any]:
        """Ask until there is an answer."""
        reply = await self._until_answered(subjects.ask(self._node, to.kind, query, to.id), b"", {})
        return msgspec.json.decode(reply, type=dict[str, Any])

    async def _until_answered(self, subject: str, body: bytes, headers: dict[str, str]) -> bytes:
        delay, attempt = AGAIN_SECONDS_FIRST, 0
        while True:  # as long as we live: what we have done must not be lost because the node was away
            try:
                seconds = min(ANSWER_SECONDS_FIRST * (attempt + 1), ANSWER_SECONDS_MAX)
                at, told = self._speak(subject, headers, body)
                return await self._bus.request(at, body, told, seconds)
            except (OSError, RuntimeError) as error:
                if attempt % LOG_EVERY == 0:
                    _LOG.warning("no answer on %s, so it is said again: %s", subject, error or "too late")
            attempt += 1
            await asyncio.sleep(delay)
            delay = min(delay * 2, AGAIN_SECONDS_MAX)


class OwnVoice:
    """Speaks from within the node."""

    def __init__(
        self,
        handle: Callable[[Envelope], Awaitable[bytes]],
        answer: Callable[[str, str, str, bytes, int], Awaitable[bytes]],
        clock: Callable[[], int],
    ) -> None:
        self._handle = handle
        self._answer = answer
        self._clock = clock

    async def call(self, to: Address, verb: str, body: dict[str, Any], message: str) -> Outcome:
        """Let the command be handled in the next batch."""
        envelope = Envelope(
            id=message,
            to=to,
            verb=verb,
            body=msgspec.json.encode(body),
            at=self._clock(),
            sender=ACTOR,
            is_call=True,
        )
        return msgspec.json.decode(await self._handle(envelope), type=Outcome)

    async def ask(self, to: Address, query: str) -> dict[str, Any]:
        """Look at the entity."""
        reply = await self._answer(to.kind, to.id, query, b"", self._clock())
        return msgspec.json.decode(reply, type=dict[str, Any])


def refusal_of(outcome: Outcome) -> str:
    """Return why an outcome is a refusal, in one line."""
    return f"{outcome.code}: {outcome.detail}" if outcome.detail else outcome.code
