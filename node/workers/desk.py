"""Tasks for the worker within the node: put into its hands after the commit, and kept off the bus meanwhile.

Their rows stay in the outbox, unsent, until they are done: what is in hand when the node dies is published by
the next start. What no hand is free for, or is given back, is published now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from messages.headers import HeaderLines
from node.trail import TASK
from store.step import Outgoing

NOT_SENT = 0
"""Noted as the sequence of a task that was done here: no stream has it, and no stream can lose it."""


class Handed:
    """A task in hand; it is acknowledged and given back as what the bus delivers."""

    attempts = 1
    sequence = 0

    def __init__(self, row: Outgoing, desk: Desk) -> None:
        self.subject, self.body, self.at = row.subject, row.body, row.at
        self.headers = HeaderLines(row.headers)
        self._row = row
        self._desk = desk

    async def ack(self) -> None:
        """Say that it is done."""
        self._desk.done(self._row)

    async def nak(self, _delay_seconds: float = 0.0) -> None:
        """Leave it to the bus."""
        self._desk.give_back(self._row)

    async def working(self) -> None:
        """Say that it is worked on, which nobody has to be told."""


Take = Callable[[Handed], bool]
"""Begins a task, or says that it does not."""


class Desk:
    """Which rows of the outbox are in hand here."""

    def __init__(
        self,
        note_sent: Callable[[Sequence[tuple[int, int]]], None],
        reach: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._note_sent = note_sent
        self._reach = reach
        self._takers: dict[str, Take] = {}
        self._in_hand: set[int] = set()
        self.publish: Callable[[Outgoing], None] = lambda _row: None
        """Has the bus carry a task that was in hand."""

    def open(self, subject: str, take: Take) -> None:
        """Hand over what is for a queue."""
        self._takers[subject] = take

    def close(self) -> None:
        """Hand over nothing any more."""
        self._takers.clear()

    def offer(self, rows: Iterable[Outgoing]) -> list[Outgoing]:
        """Put tasks that were just committed into free hands; return what is left for the bus."""
        return [row for row in rows if row.lane != TASK or not self._is_taken(row)]

    def has(self, position: int) -> bool:
        """Say whether a row is in hand, so that it must not be published."""
        return position in self._in_hand

    def done(self, row: Outgoing) -> None:
        """Note that a task is done."""
        self._reach("out_of_hand")
        self._in_hand.discard(row.position)
        self._note_sent([(row.position, NOT_SENT)])

    def give_back(self, row: Outgoing) -> None:
        """Have the bus carry a task after all."""
        self._in_hand.discard(row.position)
        self.publish(row)

    def _is_taken(self, row: Outgoing) -> bool:
        take = self._takers.get(row.subject)
        if take is None:
            return False
        self._in_hand.add(row.position)
        if take(Handed(row, self)):
            self._reach("in_hand")
            return True
        self._in_hand.discard(row.position)
        return False
