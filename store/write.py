"""Writing steps: each kind of row of a whole batch in as few statements as there can be."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from store.bulk import insert
from store.forget import forget, parts
from store.step import Step

LISTED_COLUMNS = "version, listed, shown_as, shown_id, status, name, parent, owner, at, labels, fields"

# an update touches only the indexes of what has changed
_SHOW = "ON CONFLICT (kind, id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in LISTED_COLUMNS.split(", ")
)
# a longer id, or the broker would take the repeat for a duplicate
_SAY_AGAIN = "UPDATE outbox SET sent = NULL, message = message || '+' WHERE lane = ? AND number >= ?"


def write_steps(db: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Write what the steps change, in their order."""
    for part in parts(steps):
        _write(db, part)
        forget(db, part)


def _write(db: sqlite3.Connection, steps: Sequence[Step]) -> None:
    insert(db, "INSERT INTO inbox", [_inbox_row(step) for step in steps])
    insert(db, "INSERT INTO journal", _journal_rows(steps))
    insert(db, "INSERT INTO entity", _entity_rows(steps), _SHOW)
    _write_uses(db, steps)
    insert(db, "INSERT OR REPLACE INTO snapshot", _snapshot_rows(steps))
    db.executemany("DELETE FROM alarm WHERE kind = ? AND id = ? AND name = ?", _alarm_rows(steps, None))
    insert(db, "INSERT OR REPLACE INTO alarm", _alarm_rows(steps, int))
    insert(db, "INSERT INTO outbox", _outbox_rows(steps))
    acknowledged = [lane for step in steps for lane in step.acknowledged]
    db.executemany("DELETE FROM outbox WHERE lane = ? AND number <= ?", acknowledged)
    db.executemany(_SAY_AGAIN, [lane for step in steps for lane in step.repeat])
    insert(db, "INSERT INTO deadletter", _dead_rows(steps))


def _inbox_row(step: Step) -> tuple[object, ...]:
    done = step.handled
    who = (done.kind, done.entity, done.verb, done.cause, done.correlation, done.sender, done.at)
    return (None, done.id, done.digest, done.outcome, *who)


def _journal_rows(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    return [
        (
            *(None, step.handled.kind, step.handled.entity, event.version, event.type, event.body),
            *(step.handled.id, step.handled.cause, step.handled.correlation),
            *(step.handled.sender, step.handled.at),
        )
        for step in steps
        for event in step.events
    ]


def _entity_rows(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    last = {(step.handled.kind, step.handled.entity): step.listed for step in steps if step.listed}
    return [
        (
            *(*key, row.version, int(row.listed), row.shown_as, row.shown_id, row.status),
            *(row.name, row.parent, row.owner, row.at, row.labels, row.fields),
        )
        for key, row in last.items()
    ]


def _write_uses(db: sqlite3.Connection, steps: Sequence[Step]) -> None:
    last = {
        (step.handled.kind, step.handled.entity): step.listed.uses
        for step in steps
        if step.listed is not None and step.listed.uses is not None
    }
    if last:
        db.executemany("DELETE FROM uses WHERE kind = ? AND id = ?", list(last))
        insert(db, "INSERT INTO uses", [(*used, *key) for key, uses in last.items() for used in uses])


def _snapshot_rows(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    return [(step.handled.kind, step.handled.entity, *step.snapshot) for step in steps if step.snapshot]


def _alarm_rows(steps: Sequence[Step], sort: type[int] | None) -> list[tuple[object, ...]]:
    # the last word of a batch on each alarm counts, so forgetting and setting may be written in bulk
    last = {
        (step.handled.kind, step.handled.entity, name): at
        for step in steps
        for name, at in step.alarms.items()
    }
    if sort is None:
        return [key for key, at in last.items() if at is None]
    return [(*key, at) for key, at in last.items() if at is not None]


def _outbox_rows(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    return [
        (out.position, out.lane, out.subject, out.message, out.headers, out.body, out.number, None, out.at)
        for step in steps
        for out in step.outgoing
    ]


def _dead_rows(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    dead = [step.dead for step in steps if step.dead]
    return [
        (
            *(None, one.message, one.subject, one.headers, one.body, one.code, one.reason),
            *(one.traceback, one.attempts, "dead", one.at),
        )
        for one in dead
    ]
