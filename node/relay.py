"""The relay: publishes what the store holds back, in order, until the broker has it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from bus.keys import seal
from bus.publisher import Outbound, PublishFailed
from bus.tasks import end
from messages import subjects
from messages.headers import HeaderLines, lines
from node.trail import EVT
from store.step import Outgoing
from store.store import Store

BATCH = 1000
QUEUE_MAX = 20_000
"""What waits in memory; the rest waits in the store alone."""
RETRY_SECONDS_FIRST = 0.05
RETRY_SECONDS_MAX = 5.0
UNSENDABLE = -1
"""Noted as the sequence of what no broker takes."""

Publish = Callable[[Sequence[Outbound]], Awaitable[Sequence[int]]]
Dress = Callable[[Outgoing], Outbound]


class Relay:
    """Publishes some lanes over one connection."""

    def __init__(
        self,
        store: Store,
        lanes: Sequence[str],
        publish: tuple[Publish, Dress],
        note_sent: Callable[[Sequence[tuple[int, int]]], None],
        reach: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._store = store
        self.is_in_hand: Callable[[int], bool] = lambda _position: False
        """Tells which positions are not to be published now."""
        self.lanes = tuple(lanes)
        self._publish, self._dress = publish
        self._note_sent = note_sent
        self._reach = reach
        self._queue: deque[Outgoing] = deque()
        self._last = dict.fromkeys(lanes, 0)
        """The position that was queued last, by lane."""
        self._is_behind = True
        self._has_missed = False
        """Whether something was committed while the store was read, perhaps behind our back."""
        self._looks = 0
        """How often everything was begun anew: what was under way before counts no more."""
        self._wake = asyncio.Event()
        self._wake.set()
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._is_held = asyncio.Event()
        self._idle = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many messages wait in memory."""
        return len(self._queue)

    def put(self, rows: Sequence[Outgoing]) -> None:
        """Publish these soon; what there is no room for is read from the store later."""
        if self._is_behind:
            self._has_missed = True
            return
        if len(self._queue) + len(rows) > QUEUE_MAX:
            self._is_behind = True
            return
        self._queue_up(rows)
        self._idle.clear()
        self._wake.set()

    def give(self, row: Outgoing) -> None:
        """Publish something that was kept back."""
        self._queue.append(row)
        self._idle.clear()
        self._wake.set()

    def look_again(self) -> None:
        """Read from the store from the beginning: what was sent may have been lost."""
        self._looks += 1
        self._queue.clear()
        self._last = dict.fromkeys(self.lanes, 0)
        self._is_behind = True
        self._wake.set()

    def hold(self) -> None:
        """Send nothing until ``go_on``: a server that comes back empty would take later ones first."""
        self._may_send.clear()
        self._is_held.set()

    def go_on(self) -> None:
        """Send again: the streams are known to be there."""
        self._is_held.clear()
        self._may_send.set()

    async def wait_idle(self) -> None:
        """Return when everything is with the broker, or while nothing may be sent to it."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._idle, self._is_held)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(waiting)

    async def run(self) -> None:
        """Publish for ever; what the broker does not take now is tried again."""
        delay = RETRY_SECONDS_FIRST
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue or self._is_behind:
                await self._may_send.wait()
                if not self._queue:
                    await self._load()
                elif await self._send():
                    delay = RETRY_SECONDS_FIRST
                else:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, RETRY_SECONDS_MAX)
            self._idle.set()

    def _queue_up(self, rows: Sequence[Outgoing]) -> None:
        for row in rows:
            if row.position > self._last[row.lane]:
                self._last[row.lane] = row.position
                if not self.is_in_hand(row.position):
                    self._queue.append(row)

    async def _load(self) -> None:
        self._has_missed, look = False, self._looks
        pages = [await self._store.unsent(lane, self._last[lane], BATCH) for lane in self.lanes]
        if look != self._looks:
            return
        self._is_behind = self._has_missed or any(len(page) == BATCH for page in pages)
        for page in pages:
            self._queue_up(page)

    async def _send(self) -> bool:
        rows, look = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))], self._looks
        try:
            sequences = dict(enumerate(await self._publish([self._dress(row) for row in rows])))
            missing: list[Outgoing] = []
        except PublishFailed as failed:
            sequences = failed.sequences | dict.fromkeys(failed.hopeless, UNSENDABLE)
            missing = [rows[place] for place in failed.missing if place not in failed.hopeless]
        except (OSError, RuntimeError):
            sequences, missing = {}, rows
        if look != self._looks:
            return not missing  # what the store holds unsent is read again, and these are among it
        self._queue.extendleft(reversed(missing))
        if not missing:
            self._reach("mid_relay")
        self._note(rows, sequences)
        return not missing

    def _note(self, rows: Sequence[Outgoing], sequences: dict[int, int]) -> None:
        if sequences:
            self._note_sent([(rows[place].position, sequence) for place, sequence in sequences.items()])


def dress_sealed(secret: bytes) -> Dress:
    """Return what makes a stored message one for our own bus: commands prove that the node wrote them."""

    def dress(row: Outgoing) -> Outbound:
        headers = HeaderLines(row.headers)
        if row.lane == EVT:
            return Outbound(row.subject, row.message, headers, row.body)
        mark = {subjects.SEAL: seal(secret, row.message, row.subject, headers, row.body)}
        return Outbound(row.subject, row.message, HeaderLines(row.headers + lines(mark)), row.body)

    return dress


def dress_signed(sign: Callable[[bytes], str]) -> Dress:
    """Return what makes a stored message one for a peer: its exact bytes are signed."""

    def dress(row: Outgoing) -> Outbound:
        return Outbound(row.subject, row.message, {subjects.SIGNATURE: sign(row.body)}, row.body)

    return dress
