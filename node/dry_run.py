"""A run without a node: on a clock that jumps to the next instant that anybody waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from actors.actor import Order, Task, Turn
from actors.flow.actor import ACTOR
from actors.flow.rewind import rewound
from actors.flow.state import State
from messages import job, reservation, routine, run
from messages.base import Alarm
from messages.envelope import ACTOR as SENDER
from messages.envelope import Address, derive
from messages.workflow import Launch

MESSAGES_MAX = 100_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ID = "dry"

Evaluate = Callable[[run.Evaluate], Awaitable[run.Evaluated]]
Call = Callable[[run.Call], Awaitable[run.Answered | run.Faulted]]


class DryRun:
    """Plays one run to its end; nothing is stored, and only ``call`` reaches the world."""

    def __init__(self, evaluate: Evaluate, call: Call, begin: datetime = BEGIN) -> None:
        self._evaluate = evaluate
        self._call = call
        self.now = begin
        self.work: deque[Any] = deque()
        """What workers have yet to do, and what the run says to itself."""
        self._messages = 0
        self.state = State()
        self.events: list[Any] = []

    async def play(self, definition: dict[str, Any], given: Any = None) -> State:
        """Run a definition, skipping all time; return how it ended, or what it waits for for ever."""
        self.say(run.Begin(workflow=ID, definition=definition, input=given))
        return await self.go_on()

    async def go_on(self) -> State:
        """Do all work and skip all time until the run has ended, or nothing more would happen."""
        while self.work or not self.state.is_over:
            if self.work:
                await self.serve()
            elif not self.ring():
                break
        return self.state

    async def settle(self) -> State:
        """Do all work that there is, but skip no time."""
        while self.work:
            await self.serve()
        return self.state

    def say(self, command: Any) -> list[Any]:
        """Have a command decided, and its work wait; return what happened."""
        self._messages += 1
        if self._messages > MESSAGES_MAX:
            raise RuntimeError(f"the run is not over after {MESSAGES_MAX} messages")
        turn = Turn(
            me=Address("run", ID),
            node=ID,
            message=derive(ID, self._messages),
            at=self.now,
            sender=SENDER,
            version=len(self.events),
        )
        events = [_stored(event) for event in ACTOR.decide(self.state, command, turn)]
        for event in events:
            self.state = ACTOR.evolve(self.state, event)
        self.events += events
        self._take([effect for event in events for effect in ACTOR.react(self.state, event, turn)])
        return events

    def _take(self, effects: Sequence[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Task):
                self.work.append(effect.body)
            elif isinstance(effect, Order) and isinstance(effect.command, Launch):
                self.work.append(_child(effect.to.id, effect.command))
            elif isinstance(effect, Order) and isinstance(effect.command, job.Run | routine.Run):
                self.work.append(_program(self._pointer(effect.command), effect.to.id, effect.command))
            elif isinstance(effect, Order) and isinstance(effect.command, reservation.Begin):
                self.work.append(_booking(self._pointer(effect.command), effect.to.id, effect.command))
            elif isinstance(effect, Order) and effect.to == Address("run", ID):
                self.work.append(effect.command)

    def _pointer(self, order: job.Run | routine.Run | reservation.Begin) -> str:
        frame = self.state.frames.get(int(order.reply_mark.partition(".")[0]))
        return "" if frame is None else frame.pointer

    async def serve(self) -> None:
        """Do the work that waits longest."""
        work = self.work.popleft()
        match work:
            case run.Evaluate():
                self.say(await self._evaluate(work))
            case run.Call():
                self.say(await self._call(work))
            case run.Rewind():
                self.say(_stored(rewound(work, self.events[: work.version])))
            case _:
                self.say(work)

    def ring(self) -> bool:
        """Jump to the next instant that the run waits for; False when there is none."""
        alarms = ACTOR.alarms(self.state)
        if not alarms:
            return False
        name = min(alarms, key=lambda one: (alarms[one], one))
        self.now = max(self.now, alarms[name])
        self.say(Alarm(name=name, due=alarms[name]))
        return True


def _child(workflow: str, launch: Launch) -> run.Call:
    """Have a child run answered by who answers calls: it is not played."""
    _, frame, call = launch.parent.split(".") if launch.parent else ("", "1", "0")
    return run.Call(
        run=ID,
        frame=int(frame),
        call=int(call),
        pointer="",
        kind="workflow",
        arguments={"name": workflow, "input": launch.input},
        attempt=1,
        key=launch.run or ID,
    )


def _program(pointer: str, id: str, order: job.Run | routine.Run) -> run.Call:
    """Have a job or a routine answered by who answers calls: it is not run."""
    kind, on = ("job", order.on) if isinstance(order, job.Run) else ("routine", "")
    frame, _, call = order.reply_mark.partition(".")
    return run.Call(
        run=ID,
        frame=int(frame),
        call=int(call),
        pointer=pointer,
        kind=kind,
        arguments={kind: id, "on": on} if on else {kind: id},
        attempt=1,
        key=order.run,
    )


def _booking(pointer: str, id: str, order: reservation.Begin) -> run.Call:
    """Have a booking answered by who answers calls: nothing is booked."""
    frame, _, call = order.reply_mark.partition(".")
    return run.Call(
        run=ID,
        frame=int(frame),
        call=int(call),
        pointer=pointer,
        kind="book",
        arguments={
            "resource": order.resource,
            "start": order.start.isoformat(),
            "end": order.end.isoformat(),
            "units": order.units,
        },
        attempt=1,
        key=id,
    )


def _stored(message: Any) -> Any:
    """Return a message as it comes back from the journal, or over the bus."""
    return msgspec.json.decode(msgspec.json.encode(message), type=type(message))
