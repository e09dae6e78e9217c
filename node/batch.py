"""One batch while it is being handled: earlier messages of it are seen by later ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.actor import Actor, ById, Known, Need, Summary, Users
from messages.envelope import Envelope, instant
from node.live import Key, Live
from store.step import Found, Memory, Step


@dataclass(frozen=True)
class Job:
    """A message with its body read, or what is wrong with it."""

    envelope: Envelope
    key: Key
    actor: Actor[Any, Any, Any] | None = None
    command: Any = None
    needs: Sequence[Need | Users] = ()
    relatives: Sequence[Key] = ()
    """What the other kinds of the family would have under the same id."""
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
    handled: list[str] = field(default_factory=list)
    """The messages that got their outcome here."""
    pointed_at: frozenset[Key] = frozenset()
    """What was read because the state of an entity points at it."""
    before: Mapping[Key, Live] = field(default_factory=dict)
    """What the batches before have changed."""

    def __post_init__(self) -> None:
        self.outcomes.update(self.memory.outcomes)

    def follow(self, others: Sequence[Batch]) -> None:
        """Build on what other batches decided, the oldest first, that may not be written yet."""
        before: dict[Key, Live] = {}
        for other in others:
            before |= other.changed
            self.outcomes.update((id, other.outcomes[id]) for id in other.handled)
        self.lives.update((key, before[key]) for key in self.lives.keys() & before.keys())
        self.before = before

    def note(self, step: Step | None) -> None:
        """Remember the outcome of a message, should it come again in this batch."""
        if step is not None:
            self.outcomes[step.handled.id] = (step.handled.digest, step.handled.outcome)
            self.handled.append(step.handled.id)

    def known(self, need: Need) -> Known | None:
        """Return what is known of an entity now, this batch's changes included."""
        if isinstance(need, ById):
            live = self._changed((need.kind, need.id))
            return _known(need.id, live.summary) if live else _stored(self.memory.by_id.get(_key(need)))
        for changes in (self.changed, self.before):
            for (kind, id), live in changes.items():
                is_so = kind == need.kind and live.summary is not None and live.summary.name == need.name
                if is_so and self._changed((kind, id)) is live:
                    return _known(id, live.summary)
        found = self.memory.by_name.get(_key(need))
        if found is not None and self._changed((found.kind, found.id)) is not None:
            return None  # it has another name by now, or is gone
        return _stored(found)

    def users(self, need: Users) -> Sequence[Known]:
        """Return who uses an entity now, this batch's changes included."""
        used = ById(need.kind, need.id)
        stored = self.memory.users.get((need.kind, need.id, need.by), ())
        kept = [_stored(found) for found in stored if self._changed((found.kind, found.id)) is None]
        turned = [
            _known(id, live.summary)
            for (kind, id), live in {**self.before, **self.changed}.items()
            if kind == need.by and used in live.uses
        ]
        return [known for known in (*kept, *turned) if known is not None]

    def relative(self, job: Job) -> str:
        """Return the kind of the family that has the id, or nothing."""
        for key in job.relatives:
            live = self._changed(key)
            if live.version if live else key in self.memory.by_id:
                return key[0]
        return ""

    def has_read(self, need: ById) -> bool:
        """Say whether it is known what there is of an entity that is pointed at."""
        key = (need.kind, need.id)
        return key in self.pointed_at or self._changed(key) is not None

    def _changed(self, key: Key) -> Live | None:
        return self.changed.get(key) or self.before.get(key)


def _key(need: Need) -> Key:
    return (need.kind, need.id if isinstance(need, ById) else need.name)


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
