"""What can be asked of the store: listings, histories, cascades, dead letters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from store.step import Found
from store.store import Store, found
from store.write import LISTED_COLUMNS

PAGE_MAX = 500
HISTORY_BYTES_MAX = 512 * 1024
"""How much of a history is told at once: half of what a broker takes."""
ROW_BYTES = 400
"""About what an event has besides its body."""
TRACE_MAX = 5_000
"""How many messages of one cascade are shown."""
ORDERS = {"id": "shown_id", "at": "coalesce(at, 0)", "name": "name", "status": "status", "version": "version"}
COLUMNS = ("status", "name", "parent", "owner")
SELECTIVE = {"name", "parent"}

HISTORY_COLUMNS = ("version", "type", "body", "message", "cause", "correlation", "sender", "at")
_HISTORY = (
    f"SELECT {', '.join(HISTORY_COLUMNS)} FROM journal"
    " WHERE kind = ? AND id = ? AND version > ? ORDER BY version LIMIT ?"
)
TRACE_COLUMNS = ("id", "kind", "entity", "verb", "cause", "correlation", "sender", "at", "outcome")
DEAD_COLUMNS = (
    *("position", "message", "subject", "headers", "body", "code"),
    *("reason", "traceback", "attempts", "state", "at"),
)


class Within(msgspec.Struct, frozen=True):
    """Which entities may be shown at all: these, ``kind/id``, and those whose parent is one of these."""

    entities: Sequence[str] = ()
    parents: Sequence[str] = ()


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entities a listing shows."""

    kind: str
    columns: Mapping[str, str] = {}
    """Equal to, by one of COLUMNS."""
    labels: Mapping[str, str] = {}
    fields: Mapping[str, Any] = {}
    """Texts, numbers and booleans, or mappings of such; no name has a quotation mark."""
    since: int | None = None
    until: int | None = None
    order: str = "id"
    is_descending: bool = False
    limit: int = 50
    after: tuple[str | int, str] | None = None
    """The order value and the shown id of the last one seen."""
    within: Within | None = None
    """None: all may be shown."""


_WITHIN = (
    "(kind || '/' || id IN (SELECT value FROM json_each(?))"
    " OR (kind = ? AND parent IN (SELECT value FROM json_each(?))))"
)


def _where(wanted: Filter) -> tuple[list[str], list[Any]]:
    clauses = ["listed = 1", "shown_as = ?"]
    values: list[Any] = [wanted.kind]
    for column, value in wanted.columns.items():
        if column not in COLUMNS:
            raise ValueError(column)
        # the indexes leave out what is empty, and must be told that this is not
        clauses.append(f"{column} = ?" + (f" AND {column} <> ''" if value else ""))
        values.append(value)
    for place, asked in (("labels", wanted.labels), ("fields", wanted.fields)):
        for path, value in _leaves(asked, "$"):
            clauses.append(f"json_extract({place}, ?) = ?")
            values += [path, value if not isinstance(value, bool) else int(value)]
    if wanted.within is not None:
        clauses.append(_WITHIN)
        values += [msgspec.json.encode(wanted.within.entities).decode(), wanted.kind]
        values.append(msgspec.json.encode(wanted.within.parents).decode())
    if wanted.since is not None:
        clauses.append("at >= ?")
        values.append(wanted.since)
    if wanted.until is not None:
        clauses.append("at < ?")
        values.append(wanted.until)
    return clauses, values


def _leaves(asked: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in asked.items():
        below = f'{path}."{name}"'
        if isinstance(value, Mapping):
            yield from _leaves(value, below)
        else:
            yield below, value


async def listing(store: Store, wanted: Filter) -> tuple[list[Found], list[tuple[str | int, str]]]:
    """Return the entities of one page and, beside each, the place to go on behind it."""
    clauses, values = _where(wanted)
    order = ORDERS[wanted.order]
    if wanted.columns.keys() & SELECTIVE:
        order = f"+{order}"  # or the database walks all in this order rather than look up the few
    if wanted.after is not None:
        clauses.append(f"({order}, shown_id) {'<' if wanted.is_descending else '>'} (?, ?)")
        values += wanted.after
    way = "DESC" if wanted.is_descending else "ASC"
    sql = (
        f"SELECT {order}, kind, id, {LISTED_COLUMNS} FROM entity WHERE {' AND '.join(clauses)}"
        f" ORDER BY {order} {way}, shown_id {way} LIMIT ?"
    )
    rows = await store.run(lambda db: list(db.execute(sql, (*values, min(wanted.limit, PAGE_MAX)))))
    entities = [found(row[1:]) for row in rows]
    return entities, [(row[0], entity.row.shown_id) for row, entity in zip(rows, entities, strict=True)]


async def naming(store: Store, field: str) -> list[tuple[str, str, str]]:
    """Return kind, id and fields of the entities of ours whose summary has a list under this name."""
    sql = (
        "SELECT kind, id, fields FROM entity"
        " WHERE listed = 1 AND owner = '' AND instr(fields, ?) > 0 AND json_array_length(fields, ?) > 0"
    )
    return await store.run(lambda db: list(db.execute(sql, (f'"{field}":[', f'$."{field}"'))))


class Chronicle(msgspec.Struct, frozen=True):
    """A page of what is stored of an entity's past."""

    version: int
    """The version of the entity; 0: it was never written."""
    start: tuple[int, bytes] | None
    """The version up to which events are gone, if some of them were asked for, and the state there."""
    events: Sequence[Mapping[str, Any]]


async def chronicle(store: Store, key: tuple[str, str], after: int, limit: int) -> Chronicle:
    """Return the past of an entity behind a version: where it begins, and the events, oldest first."""
    start = "SELECT version, state FROM start WHERE kind = ? AND id = ? AND version > ?"

    def look(db: sqlite3.Connection) -> Chronicle:
        row = db.execute("SELECT version FROM entity WHERE kind = ? AND id = ?", key).fetchone()
        begun = db.execute(start, (*key, after)).fetchone()
        rows = db.execute(_HISTORY, (*key, after, min(limit, PAGE_MAX)))
        events = [dict(zip(HISTORY_COLUMNS, row, strict=True)) for row in _fitting(rows)]
        return Chronicle(row[0] if row else 0, begun, events)

    return await store.run(look)


def _fitting(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield as many events as one answer takes, the first one whatever its size."""
    body = HISTORY_COLUMNS.index("body")
    size = 0
    for number, row in enumerate(rows):
        size += len(row[body]) + ROW_BYTES
        if number and size > HISTORY_BYTES_MAX:
            return
        yield row


async def history(store: Store, kind: str, id: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the events of an entity behind a version, oldest first; deleted ones keep theirs for a while."""
    return await _dicts(store, _HISTORY, (kind, id, after, min(limit, PAGE_MAX)), HISTORY_COLUMNS)


async def cascade(store: Store, message: str) -> list[dict[str, Any]]:
    """Return the handled messages of the cascade that a message belongs to, in the order of handling."""
    columns = ", ".join(TRACE_COLUMNS)

    def look(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
        row = db.execute("SELECT correlation FROM inbox WHERE id = ?", (message,)).fetchone()
        first = row[0] if row and row[0] else message
        sql = (
            f"SELECT {columns} FROM (SELECT position, {columns} FROM inbox WHERE id = ?1"
            f" UNION SELECT position, {columns} FROM inbox WHERE correlation = ?1 AND cause <> '')"
            " ORDER BY position LIMIT ?2"
        )
        return list(db.execute(sql, (first, TRACE_MAX)))

    rows = await store.run(look)
    return [dict(zip(TRACE_COLUMNS, row, strict=True)) for row in rows]


async def dead_letters(store: Store, state: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Return dead letters behind a position; ``state`` is dead, retried or discarded."""
    sql = (
        f"SELECT {', '.join(DEAD_COLUMNS)} FROM deadletter"
        " WHERE state = ? AND position > ? ORDER BY position LIMIT ?"
    )
    return await _dicts(store, sql, (state, after, min(limit, PAGE_MAX)), DEAD_COLUMNS)


async def dead_letter(store: Store, position: int) -> dict[str, Any] | None:
    """Return one dead letter."""
    sql = f"SELECT {', '.join(DEAD_COLUMNS)} FROM deadletter WHERE position = ?"
    rows = await _dicts(store, sql, (position,), DEAD_COLUMNS)
    return rows[0] if rows else None


async def settle_dead_letter(store: Store, position: int, state: str) -> bool:
    """Note what was decided about a dead letter; False when it is not dead any more."""
    sql = "UPDATE deadletter SET state = ? WHERE position = ? AND state = 'dead'"
    return await store.run(lambda db: db.execute(sql, (state, position)).rowcount) == 1


async def figures(store: Store) -> dict[str, Any]:
    """Return counts of what is stored, and the settings as read back from the database."""

    def look(db: sqlite3.Connection) -> dict[str, Any]:
        counts = {
            "dead_letters": "SELECT count(*) FROM deadletter WHERE state = 'dead'",
            "unsent": "SELECT count(*) FROM outbox WHERE sent IS NULL",
            "alarms": "SELECT count(*) FROM alarm",
            "schema": "PRAGMA user_version",
        }
        told = {name: db.execute(sql).fetchone()[0] for name, sql in counts.items()}
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "page_size", "page_count")
        told["pragmas"] = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas}
        told["sqlite"] = sqlite3.sqlite_version
        return told

    return await store.run(look)


async def _dicts(
    store: Store, sql: str, values: Sequence[Any], columns: Sequence[str]
) -> list[dict[str, Any]]:
    rows = await store.run(lambda db: list(db.execute(sql, values)))
    return [dict(zip(columns, row, strict=True)) for row in rows]
