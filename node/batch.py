"""One batch while it is being handled: earlier messages of it are seen by later ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.actor import Actor, ById, Known, Need, Summary
from messages.envelope import Envelope, instant
from node.live import Key, Live
from store.step import Found, Memory


@dataclass(frozen=True)
class Job:
    """A message with its body read, or what is wrong with it."""

    envelope: Envelope
    key: Key
    actor: Actor[Any, Any, Any] | None = None
    command: Any = None
    needs: Sequence[Need] = ()
    fault: tuple[str, str, str] | None = None
    """Code, detail and JSON pointer, when it cannot be read or may not be said."""


@dataclass
class Batch:
    """The jobs, what was read for them, and what has changed so far."""

    jobs: Sequence[Job]
    memory: Memory
    lives: dict[Key, Live]
    changed: dict[Key, Live] = field(default_factory=dict)
    outcomes: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outcomes.update(self.memory.outcomes)

    def known(self, need: Need) -> Known | None:
        """Return what is known of an entity now, this batch's changes included."""
        if isinstance(need, ById):
            live = self.changed.get((need.kind, need.id))
            if live is not None:
                return _known(need.id, live.summary)
            return _stored(self.memory.by_id.get((need.kind, need.id)))
        for (kind, id), live in self.changed.items():
            if kind == need.kind and live.summary is not None and live.summary.name == need.name:
                return _known(id, live.summary)
        found = self.memory.by_name.get((need.kind, need.name))
        if found is not None and (found.kind, found.id) in self.changed:
            return None  # it has another name by now, or is gone
        return _stored(found)


def _known(id: str, summary: Summary | None) -> Known | None:
    return None if summary is None else Known(id, summary)


def _stored(found: Found | None) -> Known | None:
    if found is None or not found.row.listed:
        return None
    row = found.row
    return Known(
        found.id,
        Summary(
            status=row.status,
            name=row.name,
            parent=row.parent,
            owner=row.owner,
            at=None if row.at is None else instant(row.at),
            labels=msgspec.json.decode(row.labels),
            fields=msgspec.json.decode(row.fields),
            shown_as=row.shown_as if row.shown_as != found.kind else "",
            shown_id=row.shown_id if row.shown_id != found.id else "",
        ),
    )
