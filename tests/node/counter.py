"""A toy entity for tests of the engine: it counts, wakes up, and breaks when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from actors.actor import Actor, ByName, Effect, Need, Order, Rejected, Summary, Turn
from messages import base
from messages.base import Alarm, encode, tag
from messages.envelope import ACTOR, OPERATOR, Address, Envelope


class Add(base.Command, tag="counter.add"):
    """Count."""

    by: int = 1
    name: str = ""
    wake_at: datetime | None = None
    tell: str = ""
    unstorable: bool = False


class Break(base.Command, tag="counter.break"):
    """Meet a bug."""


class Added(base.Event, tag="counter.added"):
    """It was counted."""

    by: int
    name: str = ""
    wake_at: datetime | None = None
    tell: str = ""
    unstorable: bool = False


class Woken(base.Event, tag="counter.woken"):
    """The instant has come."""


class State(msgspec.Struct, frozen=True):
    """What was counted."""

    total: int = 0
    name: str = ""
    wake_at: datetime | None = None
    woken: int = 0
    unstorable: bool = False


def needs(command: Any, _turn: Turn) -> Sequence[Need]:
    return [ByName("counter", command.name)] if isinstance(command, Add) and command.name else []


def decide(state: State, command: Any, turn: Turn) -> list[Any]:
    match command:
        case Add():
            other = turn.known.get(ByName("counter", command.name)) if command.name else None
            if other is not None and other.id != turn.me.id:
                raise Rejected("already_exists", other.id)
            return [Added(**{name: getattr(command, name) for name in command.__struct_fields__})]
        case Break():
            raise ZeroDivisionError("a bug")
        case Alarm():
            return [Woken()]
    raise TypeError(command)


def evolve(state: State, event: Any) -> State:
    match event:
        case Added():
            return State(
                state.total + event.by,
                event.name or state.name,
                event.wake_at or state.wake_at,
                state.woken,
                event.unstorable,
            )
        case _:
            return msgspec.structs.replace(state, woken=state.woken + 1)


def react(_state: State, event: Any, _turn: Turn) -> Sequence[Effect]:
    if isinstance(event, Added) and event.tell:
        return [Order(Address("counter", event.tell), Add())]
    return []


def summary(state: State) -> Summary:
    # SQLite takes no integer of more than 64 bits: a step that no database can write
    owner: Any = 1 << 70 if state.unstorable else ""
    return Summary(name=state.name, owner=owner, fields={"total": state.total})


COUNTER: Actor[State, Any, Any] = Actor(
    kind="counter",
    commands=(Add, Break),
    events=(Added, Woken),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    needs=needs,
    alarms=lambda state: {"wake": state.wake_at} if state.wake_at else {},
    summary=summary,
    internal=frozenset(),
)


def message(id: str, to: str, command: Any = None, **more: Any) -> Envelope:
    command = command or Add()
    verb = tag(command).rpartition(".")[2]
    sender = ACTOR if verb == "alarm" else OPERATOR
    fields: dict[str, Any] = {"at": 1_800_000_000_000_000, "sender": sender} | more
    return Envelope(id=id, to=Address("counter", to), verb=verb, body=encode(command), **fields)
