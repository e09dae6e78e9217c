"""What saving documents would do, told without doing it; peers are asked for their free slots."""

from __future__ import annotations

from typing import Any

import msgspec

from messages.booking import Hold
from messages.envelope import ACTOR, instant, rfc3339
from node.data import data_not_online
from node.engine import Engine
from node.foresight import Verdict, foresee
from node.questions import AskPeer
from node.rehearsal import Document, Examined, Heard, Rehearsal


class Explain(msgspec.Struct, forbid_unknown_fields=True):
    """Ask what saving these would do: each with its kind and id beside the fields."""

    documents: list[dict[str, Any]]


async def explain(
    asked: Explain,
    engine: Engine,
    node: str,
    asides: tuple[int, AskPeer | None, Examined | None],
    sender: str = ACTOR,
) -> dict[str, Any]:
    """Return every message, peer, execution and booking that saving would make, and what is in the way."""
    now, ask_peer, examined = asides
    rehearsal = Rehearsal(engine, node, now, sender, examined)
    heard = await rehearsal.play([_document(fields) for fields in asked.documents])
    bookings = [booking for message in heard for booking in _bookings(message)]
    conflicts = [conflict for message in heard for conflict in _refused_slots(message, node)]
    elsewhere = [message for message in heard if message.node != node]
    foreseen = {} if ask_peer is None else await foresee(elsewhere, engine, ask_peer, instant(now))
    verdicts = {id(elsewhere[place]): verdict for place, verdict in foreseen.items()}
    conflicts += [conflict for verdict in verdicts.values() for conflict in verdict.conflicts]
    return {
        "at": rfc3339(now),
        "is_whole": rehearsal.is_whole,
        "messages": [_message(message, verdicts.get(id(message))) for message in heard],
        "peers": sorted({message.node for message in heard} - {node}),
        "executions": [_execution(message) for message in heard if _is(message, "execution", "plan")],
        "bookings": bookings,
        "data": await data_not_online([message for message in heard if message.node == node], rehearsal),
        "conflicts": conflicts,
        "refusals": [_refusal(message) for message in heard if _is_refused(message)],
    }


def _document(fields: dict[str, Any]) -> Document:
    rest = {name: value for name, value in fields.items() if name not in ("kind", "id")}
    return Document(str(fields.get("kind", "")), str(fields.get("id", "")), rest)


def _is(message: Heard, kind: str, verb: str) -> bool:
    return (message.kind, message.verb) == (kind, verb)


def _is_refused(message: Heard) -> bool:
    return message.outcome is not None and message.outcome.status != "done"


def _message(message: Heard, verdict: Verdict | None) -> dict[str, Any]:
    told = verdict.status if verdict else "not asked"
    status = message.outcome.status if message.outcome else told
    return {
        "node": message.node,
        "to": f"{message.kind}/{message.id}",
        "verb": message.verb,
        "status": status,
        "body": message.body,
    }


def _execution(message: Heard) -> dict[str, Any]:
    body = msgspec.json.decode(message.body, type=dict[str, Any])
    return {"id": message.id, "start": body.get("start"), "end": body.get("end")}


def _refusal(message: Heard) -> dict[str, Any]:
    outcome = message.outcome
    assert outcome is not None
    return {
        "to": f"{message.kind}/{message.id}",
        "verb": message.verb,
        "code": outcome.code,
        "detail": outcome.detail,
        "at": outcome.at,
    }


def _bookings(message: Heard) -> list[dict[str, Any]]:
    if not _is(message, "booking", "hold"):
        return []
    hold = msgspec.json.decode(message.body, type=Hold)
    return [
        {
            "owner": message.node,
            "resource": message.id,
            "execution": slot.execution,
            "start": slot.start,
            "end": slot.end,
            "units": slot.units,
        }
        for slot in hold.slots
    ]


def _refused_slots(message: Heard, node: str) -> list[dict[str, Any]]:
    if message.node != node or not _is(message, "booking", "hold") or message.outcome is None:
        return []
    extra = message.outcome.extra
    nearest = extra.get("nearest", [])
    return [
        {"owner": node, "resource": message.id, "nearest": nearest} | conflict
        for conflict in extra.get("conflicts", [])
    ]
