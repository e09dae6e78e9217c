"""What the files of the nodes hold at the end: states are replayed from the journal."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from actors.actor import Actor
from messages.envelope import Outcome, instant
from node.live import decode_event
from tests.sim.node import Node

Key = tuple[str, str]


class Row(NamedTuple):
    """One event of the journal."""

    position: int
    kind: str
    id: str
    version: int
    type: str
    body: bytes
    message: str
    at: int


class Handled(NamedTuple):
    """One message that has its outcome."""

    id: str
    outcome: bytes
    kind: str
    entity: str
    verb: str
    cause: str
    sender: str


@dataclass(frozen=True)
class Sight:
    """One node at the end."""

    node: Node
    journal: Sequence[Row]
    inbox: Mapping[str, Handled]
    states: Mapping[Key, Any]
    deleted: Mapping[Key, int]
    """Since when those are deleted that are."""
    alarms: Mapping[tuple[str, str, str], int]
    unsent: int
    dead: Sequence[tuple[str, str, str]]

    @property
    def name(self) -> str:
        """The name of the node."""
        return self.node.name

    def of(self, kind: str) -> dict[str, Any]:
        """Return the states of all entities of a kind that were ever written."""
        return {id: state for (each, id), state in self.states.items() if each == kind}

    def events(self, kind: str) -> Mapping[str, Sequence[Row]]:
        """Return the events of a kind by entity."""
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in self.journal:
            if row.kind == kind:
                rows[row.id].append(row)
        return rows


@dataclass(frozen=True)
class Seen:
    """All nodes at the end."""

    at: datetime
    actors: Mapping[str, Actor[Any, Any, Any]]
    nodes: Mapping[str, Sight]


class Watched(Protocol):
    """A world at rest."""

    @property
    def now(self) -> int:
        """The instant, in microseconds since 1970."""

    @property
    def actors(self) -> Sequence[Actor[Any, Any, Any]]:
        """What its nodes run."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Its nodes by name."""


def look(world: Watched) -> Seen:
    """Read the files of all nodes."""
    actors = {actor.kind: actor for actor in world.actors}
    nodes = {name: _sight(node, actors) for name, node in world.nodes.items()}
    return Seen(instant(world.now), actors, nodes)


def _sight(node: Node, actors: Mapping[str, Actor[Any, Any, Any]]) -> Sight:
    database = sqlite3.connect(node.path)
    try:
        journal = [
            Row(*row)
            for row in database.execute(
                "SELECT position, kind, id, version, type, body, message, at FROM journal ORDER BY position"
            )
        ]
        sql = "SELECT id, outcome, kind, entity, verb, cause, sender FROM inbox ORDER BY position"
        inbox = {row[0]: Handled(*row) for row in database.execute(sql)}
        alarms = {row[:3]: row[3] for row in database.execute("SELECT kind, id, name, at FROM alarm")}
        (unsent,) = database.execute("SELECT count(*) FROM outbox WHERE sent IS NULL").fetchone()
        dead = list(database.execute("SELECT message, code, reason || traceback FROM deadletter"))
    finally:
        database.close()
    return Sight(node, journal, inbox, *_replay(journal, actors), alarms, unsent, dead)


def _replay(
    journal: Sequence[Row], actors: Mapping[str, Actor[Any, Any, Any]]
) -> tuple[dict[Key, Any], dict[Key, int]]:
    states: dict[Key, Any] = {}
    deleted: dict[Key, int] = {}
    for row in journal:
        actor, key = actors[row.kind], (row.kind, row.id)
        before = states.get(key, actor.initial)
        states[key] = actor.evolve(before, decode_event(actor, row.type, row.body))
        if actor.summary(states[key]) is not None:
            deleted.pop(key, None)
        elif actor.summary(before) is not None:
            deleted[key] = row.at
    return states, deleted


def read(outcome: bytes) -> Outcome:
    """Read an outcome."""
    return msgspec.json.decode(outcome, type=Outcome)
