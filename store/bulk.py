"""Many rows in one statement: the interpreter is asked for its turn once, not at each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache

CHUNKS = (64, 8, 1)
"""Rows a statement; few sizes, so that the statements stay prepared."""

Row = Sequence[object]


def insert(db: sqlite3.Connection, into: str, rows: Sequence[Row], then: str = "") -> None:
    """Insert rows (``INSERT INTO`` a table, with all its columns), in their order."""
    start = 0
    for size in CHUNKS:
        while len(rows) - start >= size:
            chunk = rows[start : start + size]
            db.execute(_statement(into, len(chunk[0]), size, then), [value for row in chunk for value in row])
            start += size


@cache
def _statement(into: str, columns: int, rows: int, then: str) -> str:
    row = f"({','.join('?' * columns)})"
    return f"{into} VALUES {','.join([row] * rows)} {then}"


def update_sent(db: sqlite3.Connection, sent: Sequence[tuple[int, int]]) -> None:
    """Note the stream sequence of outgoing messages, given their positions."""
    start = 0
    for size in CHUNKS:
        while len(sent) - start >= size:
            chunk = sent[start : start + size]
            db.execute(_update(size), [value for pair in chunk for value in pair])
            start += size


@cache
def _update(rows: int) -> str:
    return (
        "UPDATE outbox SET sent = told.column2 FROM"
        f" (VALUES {','.join(['(?,?)'] * rows)}) AS told WHERE position = told.column1"
    )
