"""One entity that is talked to: what each command records, causes and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import msgspec
import pytest

from actors.actor import Actor, ById, Effect, Known, Need, Order, Rejected, Summary, Task, Turn
from messages.base import Alarm, Command, Message, encode, tag
from messages.envelope import ACTOR, ALARM, OPERATOR, PEER, Address

AT = datetime(2026, 10, 20, tzinfo=UTC)
NODE = "lab"


@dataclass(frozen=True)
class Said:
    """What one command led to."""

    events: tuple[Any, ...]
    effects: tuple[Effect, ...]

    @property
    def names(self) -> list[str]:
        return [tag(event).partition(".")[2] for event in self.events]

    def orders(self, kind: type[Message] | None = None) -> list[tuple[str, Any]]:
        """Return who is told what, in order."""
        orders = [effect for effect in self.effects if isinstance(effect, Order)]
        return [(str(one.to), one.command) for one in orders if kind is None or isinstance(one.command, kind)]

    def told(self, kind: type[Message]) -> list[str]:
        """Return who is told such a command, in order."""
        return [to for to, _ in self.orders(kind)]

    @property
    def tasks(self) -> list[Any]:
        return [effect.body for effect in self.effects if isinstance(effect, Task)]


@dataclass
class Entity:
    """The state of one entity, and what it knows of others."""

    actor: Actor[Any, Any, Any]
    id: str
    at: datetime = AT
    peers: frozenset[str] = frozenset({"centre", "observatory"})
    known: Mapping[Need, Summary] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """The ids of those that are known by name."""

    def __post_init__(self) -> None:
        self.state: Any = self.actor.initial

    def turn(self, command: Message, sender: str) -> Turn:
        turn = Turn(
            me=Address(self.actor.kind, self.id),
            node=NODE,
            message="m-1",
            at=self.at,
            sender=sender,
            peers=self.peers,
        )
        needs: list[Need] = []
        if not isinstance(command, Alarm):
            needs += [*self.actor.needs(command, turn), *self.actor.points_at(self.state, command)]
        return msgspec.structs.replace(turn, known={need: self._known(need) for need in needs})

    def _known(self, need: Need) -> Known | None:
        summary = self.known.get(need)
        id = need.id if isinstance(need, ById) else self.names.get(need.name, "other")
        return None if summary is None else Known(id, summary)

    def say(self, command: Command, sender: str = "") -> Said:
        """Have the command handled, and check that it changes nothing the second time."""
        verb = tag(command).partition(".")[2]
        sender = sender or (ACTOR if verb in self.actor.internal else OPERATOR)
        turn = self.turn(command, sender)
        events = tuple(self.actor.decide(self.state, command, turn))
        after = reduce(self.actor.evolve, [_stored(event) for event in events], self.state)
        effects = tuple(effect for event in events for effect in self.actor.react(after, event, turn))
        self.state = _stored_state(after)
        if self.summary is not None:
            assert self.summary.fields.keys() <= self.actor.filters
        if verb != "announce":
            assert self.again(command, sender) in ((), "state_conflict"), command
        return Said(events, effects)

    def again(self, command: Command, sender: str) -> tuple[Any, ...] | str:
        try:
            return tuple(self.actor.decide(self.state, command, self.turn(command, sender)))
        except Rejected as no:
            return no.code

    def by_peer(self, peer: str, command: Command) -> Said:
        return self.say(command, PEER + peer)

    def ring(self, name: str) -> Said:
        """Let the alarm of this name come."""
        self.at = self.actor.alarms(self.state)[name]
        return self.say(Alarm(name=name, due=self.at), ALARM)

    def refuses(self, command: Command, code: str, sender: str = "") -> Rejected:
        """Have the command refused with this code, the second time too."""
        verb = tag(command).partition(".")[2]
        sender = sender or (ACTOR if verb in self.actor.internal else OPERATOR)
        turn = self.turn(command, sender)
        with pytest.raises(Rejected) as caught:
            self.actor.decide(self.state, command, turn)
        assert caught.value.code == code
        assert self.again(command, sender) == code
        self.answered = Said((), tuple(self.actor.answer(command, caught.value, turn)))
        return caught.value

    @property
    def view(self) -> Any:
        return self.actor.view(self.state)

    @property
    def summary(self) -> Summary | None:
        return self.actor.summary(self.state)


def _stored(event: Message) -> Message:
    """Return the event as it comes back from the journal."""
    return msgspec.json.decode(encode(event), type=type(event))


def _stored_state(state: Any) -> Any:
    """Return the state as it comes back from a snapshot."""
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
    assert read == state
    return read
