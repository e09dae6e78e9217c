"""What the engine should do, said in a few lines: no store, no cache, no batches."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from messages.envelope import RETRY, Envelope
from tests.node.counter import Add, Reach, Remove, Tidy
from tests.node.saying import DAY

FAMILY = ("toy", "puppet")
Key = tuple[str, str]


class Told(NamedTuple):
    """An outcome: its code or ``done``, the version, how many events, and what a program may read."""

    what: str
    version: int = 0
    events: int = 0
    extra: tuple[tuple[str, Any], ...] = ()


@dataclass
class Entity:
    """One counter."""

    version: int = 0
    total: int = 0
    is_removed: bool = False
    events: list[tuple[int, str]] = field(default_factory=list)
    start: tuple[int, int] | None = None
    alarms: dict[str, int] = field(default_factory=dict)

    def record(self, kind: str, types: list[tuple[str, int]], at: int) -> None:
        for type_, by in types:
            self.version += 1
            self.total += by
            self.events.append((self.version, f"counter.{type_}"))
            if type_ == "removed":
                self.is_removed = True
                self.alarms = {"~purge": at + 15 * DAY} | ({"~free": at + 30 * DAY} if kind in FAMILY else {})
            elif type_ == "added":
                self.is_removed = False
                self.alarms = {}
            else:
                self.trim()

    def trim(self) -> None:
        self.start, self.events = (self.version, self.total), []


class Model:
    """A node with counters."""

    def __init__(self) -> None:
        self.entities: dict[Key, Entity] = defaultdict(Entity)
        self.told: dict[str, tuple[bytes, Told]] = {}

    def say(self, envelope: Envelope, command: Any) -> Told:
        """Return what is answered to a message."""
        if envelope.id in self.told:
            body, told = self.told[envelope.id]
            return told if body == envelope.body else Told("id_reused")
        told = self._judge(envelope, command)
        self.told[envelope.id] = (envelope.body, told)
        return told

    def _judge(self, envelope: Envelope, command: Any) -> Told:
        kind, id = envelope.to.kind, envelope.to.id
        entity = self.entities[kind, id]
        other = self.owner_of(kind, id)
        if other:
            return Told("wrong_kind", extra=(("kind", other),))
        if envelope.expect not in (None, RETRY, entity.version):
            conflict = (("expected", envelope.expect), ("stored", entity.version))
            return Told("version_conflict", entity.version, extra=conflict)
        types = _happens(entity, command)
        entity.record(kind, types, envelope.at)
        extra = (("total", entity.total),) if kind in FAMILY and not types else ()
        return Told("done", entity.version, len(types), extra)

    def owner_of(self, kind: str, id: str) -> str:
        """Return which other kind of the family has the id."""
        if kind not in FAMILY or self.entities[kind, id].version:
            return ""
        return next((other for other in FAMILY if self.entities[other, id].version), "")

    def alarms(self) -> list[tuple[str, str, str, int]]:
        """Return all instants that are waited for."""
        entities = self.entities.items()
        return [(*key, name, at) for key, entity in entities for name, at in entity.alarms.items()]

    def due(self, now: int) -> list[tuple[str, str, str]]:
        """Return the alarms whose instant has come, in their order."""
        coming = sorted((at, kind, id, name) for kind, id, name, at in self.alarms() if at <= now)
        return [(kind, id, name) for _, kind, id, name in coming]

    def ring(self, kind: str, id: str, name: str) -> Told:
        """Return what is answered to an alarm."""
        entity = self.entities[kind, id]
        if name == "~free":
            self.entities[kind, id] = Entity()
            return Told("done")
        del entity.alarms[name]
        entity.trim()
        return Told("done", entity.version)

    def history(self, kind: str, id: str) -> Any:
        """Return the start and the events, or why there are none."""
        entity = self.entities[kind, id]
        if self.owner_of(kind, id):
            return "wrong_kind"
        if not entity.version or (entity.is_removed and kind in FAMILY):
            return "not_found"
        return entity.start, entity.events


def _happens(entity: Entity, command: Any) -> list[tuple[str, int]]:
    match command:
        case Add():
            return [("added", command.by)] * command.times
        case Reach():
            return [("added", command.total - entity.total)] if command.total != entity.total else []
        case Remove():
            return [("removed", 0)] if entity.version and not entity.is_removed else []
        case Tidy():
            return [("tidied", 0)] if entity.version else []
    raise TypeError(command)
