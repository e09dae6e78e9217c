"""A run without a node: on a clock that jumps to the next instant that anybody waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from actors.actor import Order, Task, Turn
from actors.flow.actor import ACTOR
from actors.flow.state import State
from messages import run
from messages.base import Alarm
from messages.envelope import ACTOR as SENDER
from messages.envelope import Address, derive

MESSAGES_MAX = 100_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

Evaluate = Callable[[run.Evaluate], Awaitable[run.Evaluated]]
Call = Callable[[run.Call], Awaitable[run.Answered | run.Faulted]]


class DryRun:
    """Plays one run to its end; nothing is stored, and only ``call`` reaches the world."""

    def __init__(self, evaluate: Evaluate, call: Call, begin: datetime = BEGIN) -> None:
        self._evaluate = evaluate
        self._call = call
        self._now = begin
        self._waiting: deque[Any] = deque()
        self._messages = 0
        self.state = State()
        self.events: list[Any] = []

    async def play(self, definition: dict[str, Any], given: Any = None) -> State:
        """Run a definition, skipping all time; return how it ended, or what it waits for for ever."""
        self.say(run.Begin(workflow="dry", definition=definition, input=given))
        while not self.state.is_over:
            if self._waiting:
                await self._serve(self._waiting.popleft())
            elif not self._ring():
                break
        return self.state

    def say(self, command: Any) -> None:
        """Have a command decided, and its work wait."""
        self._messages += 1
        if self._messages > MESSAGES_MAX:
            raise RuntimeError(f"the run is not over after {MESSAGES_MAX} messages")
        turn = Turn(
            me=Address("run", "dry"),
            node="dry",
            message=derive("dry", self._messages),
            at=self._now,
            sender=SENDER,
        )
        events = [_stored(event) for event in ACTOR.decide(self.state, command, turn)]
        for event in events:
            self.state = ACTOR.evolve(self.state, event)
        self.events += events
        self._take([effect for event in events for effect in ACTOR.react(self.state, event, turn)])

    def _take(self, effects: Sequence[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Task):
                self._waiting.append(effect.body)
            elif isinstance(effect, Order) and effect.to.kind == "run":
                self._waiting.append(effect.command)

    async def _serve(self, work: Any) -> None:
        match work:
            case run.Evaluate():
                self.say(await self._evaluate(work))
            case run.Call():
                self.say(await self._call(work))
            case _:
                self.say(work)

    def _ring(self) -> bool:
        """Jump to the next instant that the run waits for; False when there is none."""
        alarms = ACTOR.alarms(self.state)
        if not alarms:
            return False
        name = min(alarms, key=lambda one: (alarms[one], one))
        self._now = max(self._now, alarms[name])
        self.say(Alarm(name=name, due=alarms[name]))
        return True


def _stored(event: Any) -> Any:
    """Return the event as it comes back from the journal."""
    return msgspec.json.decode(msgspec.json.encode(event), type=type(event))
