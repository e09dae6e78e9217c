"""What saving documents would do, told without doing it; peers are asked for their free slots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from messages.booking import Hold
from messages.envelope import rfc3339
from node.engine import Engine
from node.rehearsal import Document, Heard, Rehearsal

ASK_SECONDS = 3.0
"""How long a peer may take to say what is free."""

AskPeer = Callable[[str, str, str, str, Any], Awaitable[Any]]
"""Asks a peer: its name, a kind, an id, a query, a body."""


class Explain(msgspec.Struct, forbid_unknown_fields=True):
    """Ask what saving these would do: each with its kind and id beside the fields."""

    documents: list[dict[str, Any]]


async def explain(
    asked: Explain, engine: Engine, node: str, asides: tuple[int, AskPeer | None]
) -> dict[str, Any]:
    """Return every message, peer, execution and booking that saving would make, and the conflicts."""
    now, ask_peer = asides
    rehearsal = Rehearsal(engine, node, now)
    heard = await rehearsal.play([_document(fields) for fields in asked.documents])
    bookings = [booking for message in heard for booking in _bookings(message)]
    conflicts = [conflict for message in heard for conflict in _refused_slots(message, node)]
    if ask_peer is not None:
        conflicts += await _ask_peers([one for one in heard if one.node != node], ask_peer)
    return {
        "at": rfc3339(now),
        "is_whole": rehearsal.is_whole,
        "messages": [_message(message) for message in heard],
        "peers": sorted({message.node for message in heard} - {node}),
        "executions": [_execution(message) for message in heard if _is(message, "execution", "plan")],
        "bookings": bookings,
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


def _message(message: Heard) -> dict[str, Any]:
    status = message.outcome.status if message.outcome else "not asked"
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


async def _ask_peers(heard: Sequence[Heard], ask_peer: AskPeer) -> list[dict[str, Any]]:
    holds = [message for message in heard if _is(message, "booking", "hold")]
    told = await asyncio.gather(*(_ask_peer(message, ask_peer) for message in holds))
    return [conflict for conflicts in told for conflict in conflicts]


async def _ask_peer(message: Heard, ask_peer: AskPeer) -> list[dict[str, Any]]:
    hold = msgspec.json.decode(message.body, type=Hold)
    place = {"owner": message.node, "resource": message.id}
    first, last = min(slot.start for slot in hold.slots), max(slot.end for slot in hold.slots)
    units = max(slot.units for slot in hold.slots)
    body = {"from": first, "to": last, "units": units}
    try:
        async with asyncio.timeout(ASK_SECONDS):
            told = await ask_peer(message.node, "booking", message.id, "freebusy", body)
    except TimeoutError:
        return [place | {"code": "no_answer", "detail": f"{message.node} did not say what is free"}]
    if "free" not in told:
        return [place | {"code": told.get("code", ""), "detail": told.get("detail", "")}]
    free = msgspec.convert(told["free"], list[dict[str, Any]])
    return [
        place | {"execution": slot.execution, "start": slot.start, "end": slot.end, "nearest": free[:3]}
        for slot in hold.slots
        if not any(_spans(window, slot.start, slot.end) for window in free)
    ]


def _spans(window: dict[str, Any], start: Any, end: Any) -> bool:
    opens = msgspec.convert(window["start"], type(start))
    shuts = msgspec.convert(window["end"], type(end))
    return bool(opens <= start and end <= shuts)
