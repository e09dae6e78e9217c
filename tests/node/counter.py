"""Toy entities for tests of the engine: they count, wake up, and break when they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from actors.actor import Actor, ByName, Effect, Need, Order, Question, Rejected, Summary, Trim, Turn
from messages import base
from messages.base import Alarm, encode, tag
from messages.envelope import ACTOR, OPERATOR, Address, Envelope


class Add(base.Command, tag="counter.add"):
    """Count."""

    by: int = 1
    times: int = 1
    name: str = ""
    wake_at: datetime | None = None
    tell: str = ""
    unstorable: bool = False


class Reach(base.Command, tag="counter.reach"):
    """Count up or down to a total."""

    total: int


class Remove(base.Command, tag="counter.remove"):
    """Be no more, until somebody counts again."""


class Tidy(base.Command, tag="counter.tidy"):
    """Forget how it came to the total."""


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


class Removed(base.Event, tag="counter.removed"):
    """It is no more."""


class Tidied(base.Event, tag="counter.tidied"):
    """What was before is forgotten."""


class Until(base.Value, frozen=True, kw_only=True):
    """Ask for the total once it is ten."""

    timeout: float = 30.0


class State(msgspec.Struct, frozen=True):
    """What was counted."""

    total: int = 0
    name: str = ""
    wake_at: datetime | None = None
    woken: int = 0
    unstorable: bool = False
    is_removed: bool = False


def needs(command: Any, _turn: Turn) -> Sequence[Need]:
    return [ByName("counter", command.name)] if isinstance(command, Add) and command.name else []


def decide(state: State, command: Any, turn: Turn) -> list[Any]:
    match command:
        case Add():
            other = turn.known.get(ByName("counter", command.name)) if command.name else None
            if other is not None and other.id != turn.me.id:
                raise Rejected("already_exists", other.id)
            fields = {name: getattr(command, name) for name in Added.__struct_fields__}
            return [Added(**fields)] * command.times
        case Reach():
            return [Added(by=command.total - state.total)] if command.total != state.total else []
        case Remove():
            return [] if state.is_removed or not turn.version else [Removed()]
        case Tidy():
            return [Tidied()] if turn.version else []
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
        case Removed():
            return msgspec.structs.replace(state, is_removed=True)
        case Tidied():
            return state
        case _:
            return msgspec.structs.replace(state, woken=state.woken + 1)


def react(_state: State, event: Any, _turn: Turn) -> Sequence[Effect]:
    if isinstance(event, Added) and event.tell:
        return [Order(Address("counter", event.tell), Add())]
    return [Trim()] if isinstance(event, Tidied) else []


def summary(state: State) -> Summary | None:
    if state.is_removed:
        return None
    # SQLite takes no integer of more than 64 bits: a step that no database can write
    owner: Any = 1 << 70 if state.unstorable else ""
    return Summary(name=state.name, owner=owner, fields={"total": state.total})


COUNTER: Actor[State, Any, Any] = Actor(
    kind="counter",
    commands=(Add, Reach, Remove, Tidy, Break),
    events=(Added, Woken, Removed, Tidied),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    needs=needs,
    alarms=lambda state: {"wake": state.wake_at} if state.wake_at else {},
    summary=summary,
    internal=frozenset(),
)
TOY = replace(
    COUNTER,
    kind="toy",
    family="toys",
    ids_return=True,
    hides_deleted=True,
    tells=lambda state, _command, _turn: {"total": state.total},
    questions={
        "total": Question(query=Until, answer=lambda state, _asked, _turn: {"total": state.total}),
        "until": Question(
            query=Until,
            answer=lambda state, _asked, _turn: {"total": state.total},
            waits=lambda state: state.total >= 10,
        ),
    },
)
"""One of a family: its id returns, and it is hidden once it is deleted."""
PUPPET = replace(TOY, kind="puppet")
"""Another one of the family."""

AT = 1_800_000_000_000_000


def message(id: str, to: str, command: Any = None, kind: str = "counter", **more: Any) -> Envelope:
    command = command or Add()
    verb = tag(command).rpartition(".")[2]
    sender = ACTOR if verb == "alarm" else OPERATOR
    fields: dict[str, Any] = {"at": AT, "sender": sender} | more
    return Envelope(id=id, to=Address(kind, to), verb=verb, body=encode(command), **fields)
