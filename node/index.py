"""Entities that the node keeps track of in memory: as they are stored, and then as they change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from messages import subjects
from node.engine import Engine
from node.trail import EVT
from store.queries import Filter, listing
from store.step import Outgoing
from store.store import Store

PAGE = 500

OnEvent = Callable[[str, str, bytes], None]
"""Takes what has happened to an entity: its id, the name of the event, its body."""


class Following:
    """Tells of the entities of one kind."""

    def __init__(self, node: str, kind: str, on_event: OnEvent) -> None:
        self._kind = kind
        self._subject = subjects.every(node, "evt", kind).removesuffix(">")
        self._on_event = on_event
        self._heard: set[str] | None = set()

    def hear(self, rows: Sequence[Outgoing]) -> None:
        """Tell of those that have changed in a batch."""
        for row in rows:
            if row.lane == EVT and row.subject.startswith(self._subject):
                id, _, name = row.subject.removeprefix(self._subject).partition(".")
                if self._heard is not None:
                    self._heard.add(id)
                self._on_event(id, name, row.body)

    async def load(
        self, store: Store, engine: Engine, fields: Mapping[str, Any], take: Callable[[str, Any], None]
    ) -> None:
        """Tell of those that are stored with these fields, by id and state, and have not changed since."""
        async for id in _listed(store, self._kind, fields):
            live = await engine.peek(self._kind, id)
            if self._heard is not None and id not in self._heard:
                take(id, live.state)
        self._heard = None


async def _listed(store: Store, kind: str, fields: Mapping[str, Any]) -> AsyncIterator[str]:
    after: tuple[str | int, str] | None = None
    while True:
        found, places = await listing(store, Filter(kind=kind, fields=fields, limit=PAGE, after=after))
        for entity in found:
            if entity.kind == kind:  # others are copies of a peer's
                yield entity.id
        if len(found) < PAGE:
            return
        after = places[-1]
