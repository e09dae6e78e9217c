"""The states of entities at hand: what the engine decides on, and a bounded cache of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from functools import cache, reduce
from typing import Any

import msgspec

from actors.actor import Actor, ById, Summary
from messages.base import tag
from node.deletion import alarms, deleted_since
from store.step import Past

CACHED_ENTITIES = 20_000
SNAPSHOT_EVENTS = 64
"""Fewer events than this are quicker to replay than a snapshot is to write."""

Key = tuple[str, str]


class Live(msgspec.Struct, frozen=True):
    """An entity as of its last event."""

    state: Any
    version: int
    summary: Summary | None
    alarms: Mapping[str, datetime]
    uses: frozenset[ById] = frozenset()
    """The entities that it cannot be without."""
    events_since: int = 0
    """How many events came after the snapshot."""
    bytes_since: int = 0
    snapshot_bytes: int = 0
    deleted_at: int | None = None
    """The instant of the message that deleted it, as long as it is deleted."""

    def wants_snapshot(self) -> bool:
        """Say whether writing a snapshot now costs no more than what was written since the last one."""
        return self.events_since >= SNAPSHOT_EVENTS and self.bytes_since >= self.snapshot_bytes


class Cache:
    """The most recently used entities."""

    def __init__(self, limit: int = CACHED_ENTITIES) -> None:
        self._limit = limit
        self._lives: OrderedDict[Key, Live] = OrderedDict()

    def get(self, key: Key) -> Live | None:
        """Return the entity if it is at hand."""
        live = self._lives.get(key)
        if live is not None:
            self._lives.move_to_end(key)
        return live

    def put(self, key: Key, live: Live) -> None:
        """Keep the entity at hand, letting go of the one that was used least recently."""
        self._lives[key] = live
        self._lives.move_to_end(key)
        if len(self._lives) > self._limit:
            self._lives.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Let go of an entity: the store knows better."""
        self._lives.pop(key, None)


@cache
def _decoders(kind: str, events: tuple[type[Any], ...]) -> Mapping[str, msgspec.json.Decoder[Any]]:
    return {tag(event): msgspec.json.Decoder(event) for event in events}


def decode_event(actor: Actor[Any, Any, Any], type_: str, body: bytes) -> Any:
    """Read one recorded event."""
    return _decoders(actor.kind, actor.events)[type_].decode(body)


def freeze(state: Any) -> bytes:
    """Return the bytes of a state for a snapshot."""
    return msgspec.msgpack.encode(state)


def thaw(actor: Actor[Any, Any, Any], state: bytes | None) -> Any:
    """Read the state of a snapshot; without one, that before the first event."""
    return actor.initial if state is None else msgspec.msgpack.decode(state, type=type(actor.initial))


def blank(actor: Actor[Any, Any, Any]) -> Live:
    """Return an entity that was never written."""
    return revive(actor, Past(0, None, ()))


def revive(actor: Actor[Any, Any, Any], past: Past) -> Live:
    """Fold what is stored of an entity into its state."""
    start = thaw(actor, past.state)
    events = [decode_event(actor, event.type, event.body) for event in past.events]
    state = reduce(actor.evolve, events, start)
    summary = actor.summary(state)
    deleted_at = None
    if summary is None and (events or past.version):
        happened = zip(events, (event.at for event in past.events), strict=True)
        deleted_at = deleted_since(actor, (start, past.deleted_at), happened)
    return Live(
        state=state,
        version=past.events[-1].version if past.events else past.version,
        summary=summary,
        alarms=alarms(actor, state, deleted_at),
        uses=actor.uses(state),
        events_since=len(past.events),
        bytes_since=sum(len(event.body) for event in past.events),
        snapshot_bytes=len(past.state or b""),
        deleted_at=deleted_at,
    )
