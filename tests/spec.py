"""Given what happened, when something is said, then that is what it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from actors.actor import Actor, Effect, Order, Rejected, Turn
from messages.base import Message
from messages.envelope import Address

NODE = "acme"
NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """What came of a command."""

    state: Any
    events: Sequence[Message]
    effects: Sequence[Effect]
    refusal: Rejected | None

    def then(self, *events: Message) -> Result:
        assert self.refusal is None
        assert list(self.events) == list(events)
        return self

    def then_nothing(self) -> Result:
        assert not self.effects
        return self.then()

    def then_rejected(self, code: str) -> Result:
        assert self.refusal is not None, self.events
        assert self.refusal.code == code
        return self

    def ordering(self, *commands: Message) -> Result:
        assert [order.command for order in self.orders] == list(commands)
        return self

    @property
    def orders(self) -> list[Order]:
        return [effect for effect in self.effects if isinstance(effect, Order)]


@dataclass(frozen=True)
class Given:
    """An actor with a past."""

    actor: Actor[Any, Any, Any]
    state: Any
    id: str

    def when(self, command: Message, **turn: Any) -> Result:
        """Say it at noon to ``acme``, as an actor of it unless told otherwise."""
        me = Address(self.actor.kind, self.id)
        usual: dict[str, Any] = {"node": NODE, "message": "m-1", "at": NOON, "sender": "actor"}
        moment = Turn(me=me, **usual | turn)
        try:
            events = self.actor.decide(self.state, command, moment)
        except Rejected as refusal:
            return Result(self.state, (), self.actor.answer(command, refusal, moment), refusal)
        state = self.state
        for event in events:
            state = self.actor.evolve(state, _through_the_journal(event))
        effects = [effect for event in events for effect in self.actor.react(state, event, moment)]
        return Result(_through_a_snapshot(state), events, effects, None)

    def after(self, command: Message, **turn: Any) -> Given:
        """Go on from where a command led to."""
        return Given(self.actor, self.when(command, **turn).state, self.id)


def given(actor: Actor[Any, Any, Any], *past: Message, id: str = "hpc") -> Given:
    return Given(actor, actor.replay(past), id)


def _through_the_journal(event: Message) -> Message:
    return msgspec.json.decode(msgspec.json.encode(event), type=type(event))


def _through_a_snapshot(state: Any) -> Any:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
    assert again == state
    return again
