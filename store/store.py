"""The store: one read before a batch, one transaction after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import aiosqlite

from store.bulk import update_sent
from store.step import Found, Listed, Memory, Outgoing, Past, Recorded, Step
from store.write import LISTED_COLUMNS, write_steps

Result = TypeVar("Result")
Key = tuple[str, str]

OUTGOING_COLUMNS = "position, lane, subject, message, headers, body, number, at"


def _nothing(_point: str) -> None:
    """Pass a point at which a fault could be planted."""


_SNAPSHOT = "SELECT version, state, deleted_at FROM snapshot WHERE kind = ? AND id = ?"
_EVENTS = (
    "SELECT version, type, body, at FROM journal WHERE kind = ? AND id = ? AND version > ? ORDER BY version"
)
USERS_READ_MAX = 10_001
"""One more than a decision is told: so it knows that there are more."""
_USERS = (
    "SELECT entity.kind, entity.id, {columns} FROM uses JOIN entity USING (kind, id)"
    " WHERE used_kind = ? AND used_id = ? AND kind = ? AND listed = 1 LIMIT ?"
)
_BY_NAME = "shown_as = ?1 AND name = ?2 AND name <> '' AND listed = 1 AND kind = ?1"


class VersionConflict(Exception):
    """Another writer appended to the entity first, or handled the message first."""


class Store:
    """A node's memory. Only one process at a time may have it open."""

    def __init__(
        self, database: aiosqlite.Connection, last_position: int, reach: Callable[[str], None] = _nothing
    ) -> None:
        self._database = database
        self._position = last_position
        self._reach = reach

    def next_position(self) -> int:
        """Return the position of the next outgoing message."""
        self._position += 1
        return self._position

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do the work on the database's own thread: one hop, however many statements."""
        # aiosqlite offers one hop a statement; a batch wants one hop for all of them
        return await self._database._execute(work, self._database._conn)  # type: ignore[no-any-return,no-untyped-call]

    async def read(
        self,
        messages: Sequence[str],
        entities: Sequence[Key],
        by_id: Sequence[Key],
        by_name: Sequence[Key],
        users: Sequence[tuple[str, str, str]] = (),
    ) -> Memory:
        """Read all that one batch needs to know."""
        return await self.run(
            lambda db: Memory(
                _outcomes(db, messages),
                {key: _past(db, key) for key in entities},
                _found(db, "kind = ? AND id = ?", by_id),
                _found(db, _BY_NAME, by_name),
                {key: _users(db, key) for key in users},
            )
        )

    async def write(self, steps: Sequence[Step], sent: Sequence[tuple[int, int]] = ()) -> None:
        """Write the steps, and which outgoing messages are sent, in one transaction.

        Raises VersionConflict, and nothing is written, when an event or a message is there already.
        """
        await self.run(lambda db: _transact(db, steps, sent, self._reach))

    async def unsent(self, lane: str, after: int, limit: int) -> list[Outgoing]:
        """Return the oldest messages of a lane behind a position that are not known to be sent."""
        sql = (
            f"SELECT {OUTGOING_COLUMNS} FROM outbox WHERE sent IS NULL AND lane = ? AND position > ?"
            " ORDER BY position LIMIT ?"
        )
        return await self.run(lambda db: [_outgoing(row) for row in db.execute(sql, (lane, after, limit))])

    async def unheard(self, lane: str, limit: int) -> list[tuple[str, str]]:
        """Return the subjects and ids of messages of a lane that are neither known to be sent nor handled."""
        sql = (
            "SELECT subject, message FROM outbox WHERE sent IS NULL AND lane = ?"
            " AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.id = outbox.message) LIMIT ?"
        )
        return await self.run(lambda db: list(db.execute(sql, (lane, limit))))

    async def lost(self, lane: str, last: int) -> int:
        """Take all that the broker lost behind its last sequence for unsent; return how many.

        Commands that were handled by now stay sent: nobody waits for them.
        """
        sql = (
            "UPDATE outbox SET sent = NULL WHERE lane = ? AND sent > ?"
            " AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.id = outbox.message)"
        )
        return await self.run(lambda db: db.execute(sql, (lane, last)).rowcount)

    async def meta(self, key: str) -> str | None:
        """Return a fact that the node noted about itself."""
        row = await self.run(lambda db: db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone())
        return None if row is None else str(row[0])

    async def note(self, key: str, value: str) -> None:
        """Note a fact about the node."""
        await self.run(lambda db: db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value)))

    async def prune(self, before: int, limit: int) -> int:
        """Forget what was sent and handled before an instant, ``limit`` rows each; return how many."""
        sent = (
            "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox WHERE at < ?1"
            " AND sent IS NOT NULL AND number IS NULL ORDER BY position LIMIT ?2)"
        )
        handled = (
            "DELETE FROM inbox WHERE position IN"
            " (SELECT position FROM inbox WHERE at < ?1 ORDER BY position LIMIT ?2)"
        )
        return await self.run(
            lambda db: sum(db.execute(sql, (before, limit)).rowcount for sql in (sent, handled))
        )

    async def due(self, at: int, limit: int) -> list[tuple[str, str, str, int]]:
        """Return the alarms whose instant has come, as kind, id, name, instant."""
        sql = "SELECT kind, id, name, at FROM alarm WHERE at <= ? ORDER BY at, kind, id, name LIMIT ?"
        return await self.run(lambda db: list(db.execute(sql, (at, limit))))

    async def next_alarm(self) -> int | None:
        """Return the instant of the earliest alarm."""
        rows = await self.run(lambda db: list(db.execute("SELECT min(at) FROM alarm")))
        return None if rows[0][0] is None else int(rows[0][0])


def _outcomes(db: sqlite3.Connection, messages: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
    marks = ",".join("?" * len(messages))
    rows = db.execute(f"SELECT id, digest, outcome FROM inbox WHERE id IN ({marks})", messages)
    return {id: (digest, outcome) for id, digest, outcome in rows}


def _past(db: sqlite3.Connection, key: Key) -> Past:
    kept = db.execute(_SNAPSHOT, key).fetchone()
    version, state, deleted_at = kept or (0, None, None)
    return Past(version, state, [Recorded(*row) for row in db.execute(_EVENTS, (*key, version))], deleted_at)


def _found(db: sqlite3.Connection, where: str, keys: Iterable[Key]) -> dict[Key, Found]:
    sql = f"SELECT kind, id, {LISTED_COLUMNS} FROM entity WHERE {where} LIMIT 1"
    rows = ((key, db.execute(sql, key).fetchone()) for key in keys)
    return {key: found(row) for key, row in rows if row is not None}


def _users(db: sqlite3.Connection, key: tuple[str, str, str]) -> list[Found]:
    rows = db.execute(_USERS.format(columns=LISTED_COLUMNS), (*key, USERS_READ_MAX))
    return [found(row) for row in rows]


def found(row: Sequence[object]) -> Found:
    """Make the entity of a row of kind, id and LISTED_COLUMNS."""
    kind, id, version, listed, *rest = row
    names = LISTED_COLUMNS.split(", ")[2:]
    fields = dict(zip(names, rest, strict=True))
    return Found(str(kind), str(id), Listed(version=version, listed=bool(listed), **fields))  # type: ignore[arg-type]


def _outgoing(row: Sequence[object]) -> Outgoing:
    return Outgoing(**dict(zip(OUTGOING_COLUMNS.split(", "), row, strict=True)))  # type: ignore[arg-type]


def _transact(
    db: sqlite3.Connection,
    steps: Sequence[Step],
    sent: Sequence[tuple[int, int]],
    reach: Callable[[str], None],
) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        reach("begun")
        update_sent(db, sent)  # before the steps: one of them may ask for the same again
        write_steps(db, steps)
        reach("written")
        reach("before_commit")
    except sqlite3.IntegrityError as error:
        db.execute("ROLLBACK")
        raise VersionConflict(str(error)) from error
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
