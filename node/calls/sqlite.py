"""SQLite files as databases of calls, in a directory of the node."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from node.calls.failed import Failed, misconfigured
from node.calls.statements import REMEMBER, Statement

DIRECTORY = "databases"
"""Where the files are, in the data directory."""
BUSY_SECONDS = 10.0
VALUE_BYTES = 4 << 20

_NEVER = {
    getattr(sqlite3, name)
    for name in ("SQLITE_ATTACH", "SQLITE_DETACH", "SQLITE_PRAGMA", "SQLITE_CREATE_VTABLE")
}


class Sqlite:
    """One file."""

    copy = "CREATE TABLE IF NOT EXISTS {into} AS SELECT * FROM {table} WHERE 0"

    def __init__(self, url: str, data: Path) -> None:
        self._path = _path(url, data)
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self, *, is_reading: bool) -> Iterator[Sqlite]:
        """Open the file and begin; what raises undoes all."""
        try:
            with closing(self._open()) as connection:
                self._connection = connection
                connection.execute(f"PRAGMA query_only = {int(is_reading)}")
                connection.set_authorizer(_judge)
                connection.execute("BEGIN" if is_reading else "BEGIN IMMEDIATE")
                if not is_reading:
                    connection.execute(REMEMBER)
                yield self
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _failure(error) from None

    def stop(self) -> None:
        """Interrupt it."""
        if self._connection is not None:
            self._connection.interrupt()

    def change(self, statement: Statement) -> int:
        """Return how many rows were changed."""
        return max(0, self._execute(statement).rowcount)

    def read(self, statement: Statement, rows: int) -> list[dict[str, Any]]:
        """Return rows."""
        cursor = self._execute(statement)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(rows)]

    def now(self) -> int:
        """Return the seconds since 1970."""
        return int(time.time())

    def _execute(self, statement: Statement) -> sqlite3.Cursor:
        assert self._connection is not None
        return self._connection.execute(statement.text, statement.values)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
        return connection


def _judge(
    action: int, _first: str | None, second: str | None, _database: str | None, _by: str | None
) -> int:
    """Refuse what leads out of the file."""
    if action in _NEVER:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second in (
        "load_extension",
        "fts3_tokenizer",
        "readfile",
        "writefile",
    ):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _path(url: str, data: Path) -> Path:
    """Return the file, which is in the directory for them."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or parts.query or parts.fragment or not path or "\0" in path:
        raise misconfigured("the address of a SQLite file is sqlite:///name.db")
    directory = (data / DIRECTORY).resolve()
    found = (directory / path).resolve()
    if not found.is_relative_to(directory) or found == directory:
        raise Failed("authorization", f"a connection names files in {DIRECTORY}/ of the data directory alone")
    return found


def _failure(error: sqlite3.Error) -> Failed:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return Failed("runtime", text, 409)
    if "interrupted" in text:
        return Failed("timeout", "it took longer than it may")
    if "locked" in text or "unable to open" in text:
        return Failed("communication", text, 503)
    return misconfigured(text)
