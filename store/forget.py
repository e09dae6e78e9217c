"""Forgetting: what a trimmed entity was before its new start, and all of one whose id is free again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from store.bulk import insert
from store.step import Step

TABLES = ("journal", "snapshot", "start", "entity", "uses", "alarm")
"""Where an entity is; what was answered to its messages, and what is still to be published, stays."""


def parts(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Cut a batch where an entity begins anew, so that its old rows are gone before its new ones come."""
    if not any(step.forgets for step in steps):
        yield steps
        return
    part: list[Step] = []
    gone: set[tuple[str, str]] = set()
    for step in steps:
        key = (step.handled.kind, step.handled.entity)
        if key in gone:
            yield part
            part, gone = [], set()
        part.append(step)
        if step.forgets:
            gone.add(key)
    yield part


def forget(db: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Delete what the steps say is to be forgotten."""
    trimmed = {_key(step): step.snapshot for step in steps if step.trims and step.snapshot is not None}
    if trimmed:
        rows = [(*key, version, state) for key, (version, state, _) in trimmed.items()]
        insert(db, "INSERT OR REPLACE INTO start", rows)
        older = [row[:3] for row in rows]
        db.executemany("DELETE FROM journal WHERE kind = ? AND id = ? AND version <= ?", older)
    forgotten = [_key(step) for step in steps if step.forgets]
    if forgotten:
        for table in TABLES:
            db.executemany(f"DELETE FROM {table} WHERE kind = ? AND id = ?", forgotten)


def _key(step: Step) -> tuple[str, str]:
    return step.handled.kind, step.handled.entity
