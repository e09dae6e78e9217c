"""Orders to our own entities: handled along with the batch that gave them, and not when the bus brings them.

The bus carries them all the same, for those who listen; what it brings is known by its id then. An order to
an entity to which another one may still be under way goes behind that, over the bus.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from messages import subjects
from messages.envelope import Address, Envelope
from node.engine import Draft, Engine
from node.handle import Result
from node.live import Key
from node.trail import CMD
from store.step import Outgoing
from store.store import Store

ROUNDS_MAX = 4
"""How deep orders of orders are handled with one batch; the bus brings the rest, so that others get on."""
ORDERS_MAX = 1024
"""How many orders are handled with one batch."""
DONE_MAX = 100_000
"""How many are remembered whose delivery is still to come; the inbox knows the others."""
LEFT_MAX = 100_000
"""How many that an earlier process left are kept track of; with more, all goes over the bus."""
NEVER = 1 << 62
"""A sequence that no stream reaches."""

_LOG = logging.getLogger("covey")

Read = Callable[[Outgoing, int], Envelope]
"""Makes the envelope of an order, at an instant."""


class _Order(NamedTuple):
    """An order, whom it is for, and who gave it."""

    row: Outgoing
    key: Key
    by: Key
    verb: str


class Handover:
    """What one node hands over, and what it knows to be on the bus."""

    def __init__(
        self,
        engine: Engine,
        read: Read,
        clock: Callable[[], int],
        is_looked_at: Callable[[str, str, bytes], bool] = lambda _kind, _verb, _body: False,
    ) -> None:
        """Orders that are looked at before they are decided on (``is_looked_at``) are left to the bus."""
        self._engine = engine
        self._read = read
        self._clock = clock
        self._is_looked_at = is_looked_at
        self._on_bus: dict[Key, set[str]] = defaultdict(set)
        """The orders that the bus carries and that are not handled yet."""
        self._behind: dict[str, int] = {}
        """Kinds to which the bus may have what we know nothing of, up to a sequence."""
        self._done: dict[str, None] = {}
        """The orders that are handled and whose delivery is still to come."""
        self._heard: set[str] | None = None
        """What was handled while the store was read."""

    async def resume(self, store: Store, kinds: Iterable[str], last: int) -> None:
        """Leave all to the bus until that is handled which it has, ``last`` being the last of it."""
        self._behind = dict.fromkeys(kinds, NEVER)
        self._heard = set()
        left = await store.unheard(CMD, LEFT_MAX)
        for subject, message in left:
            to = subjects.parse_command(subject)
            if to is not None and message not in self._heard:
                self._on_bus[to.kind, to.id].add(message)
        self._heard = None
        if len(left) < LEFT_MAX:
            self._behind = dict.fromkeys(self._behind, last) if last else {}
        else:
            _LOG.warning("%d orders wait for the broker; until the next start all go over the bus", len(left))

    async def follow(self, draft: Draft, after: Draft | None) -> Draft:
        """Handle the orders of a batch, and theirs; ``after`` is the one before, perhaps not written yet."""
        rounds: list[Draft] = []
        left, giving, room = set(after.left if after else ()), draft.results, ORDERS_MAX
        while giving:
            orders = _orders(giving)
            now = self._choose(orders, left, room if len(rounds) < ROUNDS_MAX else 0)
            if not now:
                break
            batch = await self._engine.prepare([self._envelope(one.row) for one in now])
            one = self._engine.decide(batch, Draft(draft.batch, draft.results, rounds), after)
            left.update(
                job.key for job, result in zip(batch.jobs, one.results, strict=True) if not result.outcome
            )
            rounds.append(one)
            giving, room = one.results, room - len(now)
        return draft._replace(rounds=rounds, left=frozenset(left))

    def committed(self, results: Sequence[Result], draft: Draft | None) -> None:
        """Know what was written: the draft has handled some of the orders, the bus will bring the others."""
        rounds = draft.rounds if draft is not None else ()
        handled = {result.envelope.id for one in rounds for result in one.results if result.outcome}
        for order in _orders(results):
            if order.row.message in handled:
                self._done[order.row.message] = None
            else:
                self._on_bus[order.key].add(order.row.message)
        while len(self._done) > DONE_MAX:
            del self._done[next(iter(self._done))]

    def is_done(self, id: str) -> bool:
        """Say whether what the bus brings was handled when it was ordered; asked once, it is forgotten."""
        return self._done.pop(id, self) is None

    def heard(self, to: Address, id: str, sequence: int, pending: int) -> None:
        """Know that something is handled that the bus brought, ``pending`` more of its kind being to come."""
        key = (to.kind, to.id)
        if self._heard is not None:
            self._heard.add(id)
        waiting = self._on_bus.get(key)
        if waiting is not None:
            waiting.discard(id)
            if not waiting:
                del self._on_bus[key]
        last = self._behind.get(key[0])
        if last is not None and last != NEVER and (sequence > last or not pending):
            del self._behind[key[0]]

    def _choose(self, orders: Sequence[_Order], left: set[Key], room: int) -> list[_Order]:
        chosen: list[_Order] = []
        for order in orders:
            key = order.key
            # what an entity orders itself lets others go first
            is_blocked = key in left or key in self._on_bus or key[0] in self._behind or key == order.by
            is_blocked = is_blocked or self._is_looked_at(key[0], order.verb, order.row.body)
            if is_blocked or len(chosen) >= room:
                left.add(key)
            else:
                chosen.append(order)
        return chosen

    def _envelope(self, row: Outgoing) -> Envelope:
        return self._read(row, max(row.at, self._clock()))


def _orders(results: Sequence[Result]) -> list[_Order]:
    return [
        _Order(row, (to.kind, to.id), (result.envelope.to.kind, result.envelope.to.id), to.verb)
        for result in results
        for row in result.outgoing
        if row.lane == CMD and (to := subjects.parse_command(row.subject)) is not None
    ]
