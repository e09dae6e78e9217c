"""What the book of a compute resource tells the workflows that ask it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, assert_never

from actors.actor import Order, Rejected, Turn
from actors.booking import admitting
from actors.booking.ledger import Ledger, Line, Requester, requester
from actors.fields import take
from messages import booking_answers as answers
from messages import reservation
from messages.base import Message
from messages.booking import (
    Aborted,
    Admit,
    Admitted,
    Cancelled,
    Closed,
    Command,
    Confirm,
    Confirmed,
    Event,
    Held,
    Hold,
    HoldExpired,
    Marked,
    Opened,
    Released,
)
from messages.envelope import Address
from messages.states import ENDED

TAKEN = "another booking has the time now"
"""Why a slot that was confirmed, or is put back, is not there."""

IN_WORDS_OF: Mapping[str, Mapping[type[Message], type[Message]]] = {
    "reservation": {
        answers.Held: reservation.Held,
        answers.HoldRefused: reservation.HoldRefused,
        answers.Confirmed: reservation.Confirmed,
        answers.Expired: reservation.Expired,
        answers.Aborted: reservation.Aborted,
        answers.SlotsCancelled: reservation.SlotsCancelled,
    }
}
"""How another kind than workflows is told the same."""


def react(ledger: Ledger, event: Event, turn: Turn) -> list[Order]:
    """Answer whoever asked, tell those whose slots are taken back, and end the jobs in them."""
    return [*_answers(ledger, event, turn), *admitting.react(ledger, event, turn)]


def _answers(ledger: Ledger, event: Event, turn: Turn) -> list[Order]:
    match event:
        case Held():
            held = answers.Held(resource=_me(turn), generation=event.generation, skipped=event.skipped)
            return _to(event.reply_to, event.node, held, turn)
        case Confirmed():
            one = requester(ledger, event.node, event.workflow)
            confirmed = answers.Confirmed(resource=_me(turn), generation=event.generation)
            return [
                *_to(event.reply_to, event.node, confirmed, turn),
                *_taken_back(one, Lost(event.lost, TAKEN, event.generation), turn),
            ]
        case Aborted():
            one = requester(ledger, event.node, event.workflow)
            aborted = answers.Aborted(
                resource=_me(turn), generation=event.generation, restored=event.restored
            )
            return [
                *_to(event.reply_to, event.node, aborted, turn),
                *_taken_back(one, Lost(event.lost, TAKEN), turn),
            ]
        case Released():
            released = answers.Aborted(resource=_me(turn), generation=event.generation)
            return _to(event.reply_to, event.node, released, turn)
        case Closed():
            return [order for one in ledger.requesters.values() for order in _closed(one, event, turn)]
        case Cancelled():
            one = requester(ledger, event.node, event.workflow)
            return _taken_back(one, Lost((event.execution,), event.reason, event.generation), turn)
        case Opened() | Marked() | HoldExpired() | Admitted():
            return []
    assert_never(event)


def _closed(one: Requester, event: Closed, turn: Turn) -> list[Order]:
    held = one.pending.lines if one.pending else ()
    live = [line for line in (*one.lines, *held) if line.state not in ENDED]
    return [
        order
        for of in sorted({line.generation for line in live})
        for order in _taken_back(one, Lost(_of(live, of), event.reason, of), turn)
    ]


def _of(lines: Iterable[Line], generation: int) -> tuple[str, ...]:
    return tuple(sorted({line.execution for line in lines if line.generation == generation}))


class Lost(NamedTuple):
    """Slots that are taken back."""

    executions: tuple[str, ...]
    reason: str
    generation: int = 0


def _taken_back(one: Requester, lost: Lost, turn: Turn) -> list[Order]:
    told = answers.SlotsCancelled(resource=_me(turn), **lost._asdict())
    return _to(one.reply_to, one.node, told, turn) if told.executions else []


def answer(command: Command, refusal: Rejected, turn: Turn) -> list[Order]:
    """Tell the workflow that asked why nothing is held, or that there was nothing to confirm."""
    match command:
        case Hold():
            refused = answers.HoldRefused(
                resource=_me(turn),
                generation=command.generation,
                code=refusal.code,
                detail=refusal.detail,
                conflicts=refusal.extra.get("conflicts", ()),
                nearest=refusal.extra.get("nearest", ()),
            )
            return _to(command.reply_to, turn.origin, refused, turn)
        case Confirm():
            expired = answers.Expired(resource=_me(turn), generation=command.generation)
            return _to(command.reply_to, turn.origin, expired, turn)
        case Admit():
            return admitting.denied(command, refusal, turn)
        case _:
            return []


def _to(asker: Address | None, node: str, told: Message, turn: Turn) -> list[Order]:
    if asker is None:
        return []
    words = IN_WORDS_OF.get(asker.kind, {}).get(type(told))
    said = told if words is None else take(words, told)
    # the node is the one that asked, whatever the message says: nobody has us write to a third
    return [Order(Address(asker.kind, asker.id, "" if node == turn.node else node), said)]


def _me(turn: Turn) -> str:
    return f"{turn.node}/{turn.me.id}"
