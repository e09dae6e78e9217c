"""A broker in memory: streams that last, consumers with acknowledgements, and the weather they stand in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from bus.publisher import Outbound, PublishFailed

DEDUPE_MICROS = 120 * 1_000_000
"""How long the broker knows an id again; after that only the inbox does."""
REORDER_WINDOW = 12
"""From how many of the oldest waiting messages a disordered delivery is drawn."""


class Stored(NamedTuple):
    """A message that the broker has, for ever."""

    sequence: int
    subject: str
    id: str
    headers: dict[str, str]
    body: bytes
    at: int


class Stream:
    """What was published, in order."""

    def __init__(self) -> None:
        self.messages: list[Stored] = []
        self._seen: dict[str, Stored] = {}

    def store(self, message: Outbound, at: int) -> int:
        """Keep a message, unless its id was seen a moment ago; return its sequence."""
        before = self._seen.get(message.id)
        if before is not None and at - before.at < DEDUPE_MICROS:
            return before.sequence
        sequence = len(self.messages) + 1
        stored = Stored(sequence, message.subject, message.id, dict(message.headers), message.body, at)
        self.messages.append(stored)
        if message.id:
            self._seen[message.id] = stored
        return sequence


@dataclass
class Consumer:
    """A durable consumer: what is not acknowledged comes again."""

    stream: Stream
    acked: set[int] = field(default_factory=set)
    flying: set[int] = field(default_factory=set)
    """Delivered in this session."""
    attempts: dict[int, int] = field(default_factory=dict)
    later: dict[int, int] = field(default_factory=dict)
    """Refused for now, with the instant at which it is offered again."""
    floor: int = 0
    """Everything up to here is acknowledged."""

    def waiting(self, now: int) -> list[Stored]:
        """Return what could be delivered now, the oldest first."""
        while self.floor + 1 in self.acked:
            self.floor += 1
            self.acked.discard(self.floor)
        return [
            message
            for message in self.stream.messages[self.floor :]
            if message.sequence not in self.acked
            and message.sequence not in self.flying
            and self.later.get(message.sequence, 0) <= now
        ]

    def next_offer(self) -> int | None:
        """Return when the first of those that were refused for now is offered again."""
        return min(self.later.values(), default=None)

    def take(self, messages: Sequence[Stored]) -> None:
        """Deliver these."""
        for message in messages:
            self.flying.add(message.sequence)
            self.later.pop(message.sequence, None)
            self.attempts[message.sequence] = self.attempts.get(message.sequence, 0) + 1

    def ack(self, sequence: int) -> None:
        """Never deliver it again."""
        self.flying.discard(sequence)
        self.later.pop(sequence, None)
        if sequence > self.floor:
            self.acked.add(sequence)

    def nak(self, sequence: int, until: int) -> None:
        """Deliver it again, from an instant on."""
        self.flying.discard(sequence)
        if sequence > self.floor and sequence not in self.acked:
            self.later[sequence] = until

    def end_session(self) -> None:
        """Deliver all that is not acknowledged again."""
        self.flying.clear()


@dataclass
class Weather:
    """Decides, by the seed, what goes wrong; in calm weather nothing does."""

    random: Random
    is_calm: bool = True

    def strikes(self, chance: float) -> bool:
        """Say whether a misfortune of this chance happens now."""
        return not self.is_calm and self.random.random() < chance

    def pick(self, waiting: Sequence[Stored], most: int) -> list[Stored]:
        """Choose what is delivered next: the oldest, or some of the oldest in any order."""
        if self.is_calm:
            return list(waiting[:most])
        count = min(len(waiting), self.random.randint(1, most))
        if self.strikes(0.25):
            window = waiting[:REORDER_WINDOW]
            return self.random.sample(window, min(count, len(window)))
        return list(waiting[:count])

    def publish(
        self, stream: Callable[[Outbound], Stream], messages: Sequence[Outbound], now: int
    ) -> list[int]:
        """Store the messages; raises PublishFailed when the network eats them, or their acknowledgements."""
        if self.strikes(0.05):
            raise PublishFailed(dict.fromkeys(range(len(messages)), "lost"), {}, frozenset())
        if self.strikes(0.06):
            whole = range(len(messages))
            stored = [place for place in whole if self.random.random() < 0.5]
            known = {place: stream(messages[place]).store(messages[place], now) for place in stored}
            raise PublishFailed({place: "lost" for place in whole if place not in known}, known, frozenset())
        sequences = [stream(message).store(message, now) for message in messages]
        if self.strikes(0.06):
            raise PublishFailed(dict.fromkeys(range(len(messages)), "unknown"), {}, frozenset())
        return sequences
