"""A workflow and its executions in virtual time: a clock that stands or is set, and runs that take long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import msgspec

from actors.actor import Actor, Order, Rejected, Turn
from actors.execution import execution as executions
from actors.workflow import workflow as workflows
from messages import run
from messages.base import Alarm, Command, Message, encode
from messages.envelope import ACTOR, ALARM, OPERATOR, Address
from messages.execution import Cancel, Cancelled, Forgotten, Started, Succeed
from messages.workflow import Launch

ORDERS_MAX = 10_000
"""How much one thing may lead to."""
NODE = "lab"
CANCELLING = timedelta(seconds=20)
"""How long a run needs to end that is cancelled; one that is terminated needs none."""


class Clock:
    """The workflow ``w`` and what it began; ``now`` is what the node's clock shows."""

    def __init__(self, now: datetime, length: timedelta) -> None:
        self.now = now
        self.length = length
        self.states: dict[Address, Any] = {Address("workflow", "w"): workflows.ACTOR.initial}
        self.ends: dict[str, datetime] = {}
        """When each run ends, by the clock as it is now."""
        self.how: dict[str, Command] = {}
        self.began: list[tuple[str, datetime]] = []
        """The executions that started, each with the instant."""
        self.passed: dict[str, str] = {}
        """What was cancelled or forgotten before it started, and why."""
        self.inputs: dict[str, Launch] = {}
        self._wanted: dict[Address, Mapping[str, datetime]] = {}
        self._rung: set[tuple[Address, str, datetime]] = set()

    @property
    def workflow(self) -> Any:
        return self.states[Address("workflow", "w")]

    def say(self, command: Command, to: str = "workflow.w", sender: str = OPERATOR) -> list[Any]:
        """Have a command handled, and all that it leads to; return its events."""
        kind, _, id = to.partition(".")
        events, orders = self._handle(Address(kind, id), command, sender)
        for _ in range(ORDERS_MAX):
            if not orders:
                return events
            order = orders.pop(0)
            if order.to.kind == "run":
                self._stop(order)
            elif isinstance(order.command, Launch):
                self._launch(order.command)
            elif order.to.kind in ("workflow", "execution"):
                orders += self._handle(order.to, order.command, ACTOR)[1]
        raise AssertionError("it does not end")

    def until(self, end: datetime) -> None:
        """Let time pass: alarms ring and runs end, each at its instant."""
        while True:
            coming = min([*(at for *_, at in self._alarms()), *self.ends.values(), end])
            if coming >= end:
                break
            self.now = max(self.now, coming)
            self._come()
        self.now = end
        self._come()

    def down(self, until: datetime) -> None:
        """Have the node be away until then: runs that would have ended end when it is back."""
        self.now = until
        self._come()

    def set(self, by: timedelta) -> None:
        """Set the clock: the runs go on as they did, they do not look at it."""
        self.now += by
        self.ends = {id: at + by for id, at in self.ends.items()}
        self._come()

    def _come(self) -> None:
        """Have come what is due: the ends of runs first, then alarms, the earliest first."""
        for _ in range(ORDERS_MAX):
            over = [id for id, at in self.ends.items() if at <= self.now]
            due = sorted((at, str(to), to, name) for to, name, at in self._alarms() if at <= self.now)
            if over:
                self._end(min(over, key=lambda id: (self.ends[id], id)))
            elif due:
                at, _, to, name = due[0]
                self._rung.add((to, name, at))
                self.say(Alarm(name=name, due=at), str(to), ALARM)
            else:
                return
        raise AssertionError("it rings for ever")

    def _alarms(self) -> list[tuple[Address, str, datetime]]:
        found = [(to, name, at) for to, wanted in self._wanted.items() for name, at in wanted.items()]
        return [one for one in found if one not in self._rung]

    def _end(self, id: str) -> None:
        self.ends.pop(id)
        self.say(self.how.pop(id, Succeed()), f"execution.{id}", ACTOR)

    def _launch(self, launch: Launch) -> None:
        assert launch.run is not None
        self.ends[launch.run] = self.now + self.length
        self.inputs[launch.run] = launch

    def _stop(self, order: Order) -> None:
        id = order.to.id
        takes = CANCELLING if isinstance(order.command, run.Cancel) else timedelta(0)
        if id in self.ends and self.now + takes <= self.ends[id]:
            self.ends[id] = self.now + takes
            self.how[id] = Cancel(reason="stopped")

    def _handle(self, to: Address, command: Any, sender: str) -> tuple[list[Any], list[Order]]:
        actor, before = _actor(to), self.states.get(to, _actor(to).initial)
        turn = Turn(me=to, node=NODE, message="m", at=self.now, sender=sender)
        turn = msgspec.structs.replace(
            turn,
            known={need: None for need in actor.needs(command, turn)}
            if not isinstance(command, Alarm)
            else {},
        )
        try:
            events = [_stored(event) for event in actor.decide(before, command, turn)]
        except Rejected:
            if sender == OPERATOR:
                raise
            return [], []
        after = reduce(actor.evolve, events, before)
        self.states[to], self._wanted[to] = after, actor.alarms(after)
        again = _refusal_or(lambda: list(actor.decide(after, command, turn)))
        assert again in ([], "state_conflict", "not_found"), (to, command, again)
        self._note(to, before, events)
        effects = [one for event in events for one in actor.react(after, event, turn)]
        effects = effects or list(() if events else actor.passes(after, command, turn))
        return events, [one for one in effects if isinstance(one, Order)]

    def _note(self, to: Address, before: Any, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, Started):
                self.began.append((to.id, self.now))
            elif isinstance(event, Forgotten | Cancelled) and before.started_at is None:
                assert to.id not in self.passed, f"{to} twice"
                self.passed[to.id] = ("missed: " if isinstance(event, Forgotten) else "") + event.reason


def _actor(to: Address) -> Actor[Any, Any, Any]:
    return workflows.ACTOR if to.kind == "workflow" else executions.ACTOR


def _stored(event: Message) -> Message:
    return msgspec.json.decode(encode(event), type=type(event))


def _refusal_or(decide: Callable[[], list[Any]]) -> list[Any] | str:
    try:
        return decide()
    except Rejected as no:
        return no.code
