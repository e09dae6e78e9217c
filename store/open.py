"""Opening a node's file: one process at a time, tables up to date, nothing lost on a power cut."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path

import aiosqlite

from store.store import Store

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": "on",
    "busy_timeout": "5000",
    "wal_autocheckpoint": "16000",
    "cache_size": "-65536",
    "temp_store": "memory",
}
"""What every connection is set to; ``covey doctor`` reads it back."""


class DirectoryInUse(Exception):
    """Another process has this data directory open."""


class NewerSchema(Exception):
    """The file was written by a later version of Covey."""


@asynccontextmanager
async def open_store(
    path: Path, *, synchronous: str = "full", reach: Callable[[str], None] = lambda _point: None
) -> AsyncIterator[Store]:
    """Lock and open the file, bringing its tables up to date.

    ``synchronous`` other than ``full`` is for simulations, in which no power is cut; ``reach`` is told of
    each named point inside a transaction, so that faults can be planted there.
    """
    with _locked(path):
        async with aiosqlite.connect(path, isolation_level=None, cached_statements=256) as database:
            for name, value in (PRAGMAS | {"synchronous": synchronous}).items():
                await database.execute(f"PRAGMA {name} = {value}")
            unnumbered = Store(database, 0)
            await unnumbered.run(migrate)
            rows = await unnumbered.run(lambda db: db.execute("SELECT max(position) FROM outbox").fetchone())
            yield Store(database, rows[0] or 0, reach)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    with path.with_suffix(".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DirectoryInUse(
                f"{path.parent} is in use by another covey process; stop it, or choose another --data"
            ) from None
        yield


def migrations() -> list[tuple[int, str]]:
    """Return the numbered steps of the schema, oldest first."""
    scripts = (
        entry for entry in files("store").joinpath("migrations").iterdir() if entry.name.endswith(".sql")
    )
    return sorted((int(entry.name[:4]), entry.read_text()) for entry in scripts)


def migrate(db: sqlite3.Connection) -> None:
    """Apply what the file has not seen, each step in a transaction of its own."""
    steps = migrations()
    (have,) = db.execute("PRAGMA user_version").fetchone()
    if have > steps[-1][0]:
        raise NewerSchema(
            f"the data has schema {have} of a newer covey, this one knows {steps[-1][0]}; upgrade covey"
        )
    for number, script in steps:
        if number > have:
            db.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
