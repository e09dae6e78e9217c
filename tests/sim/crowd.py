"""The workers of all queues, and what can happen to each between any two words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Protocol

from actors.ephemeral.table import Table
from node.trail import TASK
from tests.sim import hands
from tests.sim.broker import Stream, Weather
from tests.sim.hands import Hand, Queue
from tests.sim.script import Agenda
from tests.sim.world import SECOND

HANDS = {"registry": 3, "files": 2}
"""How many workers each queue has: one can sleep while two others get in each other's way."""
SLEEP_SECONDS_MAX = 300

Act = Callable[[], Awaitable[object]]


class Around(hands.World, Protocol):
    """What the workers see of the world."""

    now: int
    random: Random
    weather: Weather
    agenda: Agenda

    def tell(self, line: str) -> None:
        """Note a line of the trace."""


class Crowd:
    """All workers."""

    def __init__(self, world: Around, streams: dict[str, Stream], tables: Sequence[Table]) -> None:
        self._world = world
        self._queues = {name: Queue(streams[TASK], name) for name in HANDS}
        self._hands = [
            Hand(f"{name}-{number}", queue, world)
            for name, queue in self._queues.items()
            for number in range(1, HANDS[name] + 1)
        ]
        self._runners = {hand.name: hands.runner(hand, tables) for hand in self._hands}

    def live(self) -> None:
        """Let those who are awake tell the broker that they are at work."""
        for hand in self._hands:
            hand.live(self._world.now)

    def sleep_over(self, until: int) -> None:
        """Let those who have work in hand sleep until an instant, and some minutes more."""
        for hand in self._hands:
            if hand.work is not None:
                hand.asleep_until = until + self._world.random.randint(0, SLEEP_SECONDS_MAX) * SECOND

    def coming(self) -> list[int | None]:
        """Return when somebody wakes up, and when work is offered again."""
        sleeps = [hand.asleep_until for hand in self._hands if hand.work is not None]
        return [*sleeps, *(queue.next_offer() for queue in self._queues.values())]

    def choices(self, tick: int) -> list[tuple[float, Act]]:
        """Return what can happen to them, with its weight."""
        return [choice for hand in self._hands for choice in self._choices_of(hand, tick)]

    def _choices_of(self, hand: Hand, tick: int) -> list[tuple[float, Act]]:
        if hand.work is None:
            is_wanted = bool(hand.queue.waiting(self._world.now))
            return [(4.0, partial(self._take, hand))] if is_wanted else []
        is_awake = hand.asleep_until <= self._world.now
        choices: list[tuple[float, Act]] = [(0.15 if is_awake else 0.01, partial(self._kill, hand))]
        if hand.can_go_on(self._world.now):
            choices.append((5.0, partial(self._go_on, hand)))
            if self._is_not_alone(hand):
                weight = 5.0 if self._world.agenda.is_slow(hand.wish) else 0.7
                choices.append((weight, partial(self._sleep, hand, tick)))
        return choices

    def _is_not_alone(self, hand: Hand) -> bool:
        """Say whether another worker of the queue is awake."""
        others = (one for one in self._hands if one is not hand and one.queue is hand.queue)
        return any(one.asleep_until <= self._world.now for one in others)

    async def round(self) -> bool:
        """Let all do what they can do now; say whether anything was done."""
        done = False
        for hand in self._hands:
            if hand.can_go_on(self._world.now):
                await self._go_on(hand)
                done = True
            elif hand.work is None:
                done |= await self._take(hand)
        return done

    async def end(self) -> None:
        """Let all be gone."""
        for hand in self._hands:
            await hand.end()

    async def _take(self, hand: Hand) -> bool:
        chosen = self._world.weather.pick(hand.queue.waiting(self._world.now), 1)
        for work in chosen:
            hand.queue.take([work])
            self._world.tell(f"{hand.name} takes {work.id} {work.body.decode()}")
            await hand.take(work, self._runners[hand.name], self._world.now)
            await self._finish(hand)
        return bool(chosen)

    async def _go_on(self, hand: Hand) -> None:
        self._world.tell(f"{hand.name} {hand.wish}")
        await hand.go_on()
        await self._finish(hand)

    async def _finish(self, hand: Hand) -> None:
        if not hand.is_done:
            return
        work = hand.work
        await hand.end()
        if work is not None and not self._world.weather.strikes(0.1):  # else the acknowledgement is lost
            hand.queue.ack(work.sequence)

    async def _kill(self, hand: Hand) -> None:
        self._world.tell(f"{hand.name} is killed before {hand.wish}")
        await hand.end()

    async def _sleep(self, hand: Hand, tick: int) -> None:
        if self._world.agenda.is_slow(hand.wish):
            self._world.agenda.hurry(self._world.random, tick, hand.workflow)
        hand.asleep_until = self._world.now + self._world.random.randint(1, SLEEP_SECONDS_MAX) * SECOND
        self._world.tell(f"{hand.name} sleeps before {hand.wish}")
