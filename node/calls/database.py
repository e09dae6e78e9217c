"""``call: database``: one action in one transaction; it takes effect once, however often it is asked for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import msgspec

from messages.run import Call
from node.calls import statements
from node.calls.connections import address_of, scheme
from node.calls.egress import Egress
from node.calls.failed import Failed, misconfigured
from node.calls.outside import Outside
from node.calls.statements import ACTIONS, CHANGES, ROWS_MOST, Statement

THREADS = 8
END_SECONDS = 5.0
"""How long a call that is given up may take to undo what it did."""
KEEP_SECONDS = 8 * 24 * 3600
"""How long it is remembered that a call was made: longer than the call may come again."""
SCHEMES = ("sqlite", "postgresql", "postgres")

_FORGET = "DELETE FROM covey_calls WHERE at < :before"
_TAKE = "INSERT INTO covey_calls (key, at) VALUES (:key, :at) ON CONFLICT DO NOTHING"
_KEEP = "UPDATE covey_calls SET outcome = :outcome WHERE key = :key"
_KNOWN = "SELECT outcome FROM covey_calls WHERE key = :key"


class Transaction(Protocol):
    """One transaction of one connection."""

    copy: str
    """How an empty table like another one is made."""

    def change(self, statement: Statement) -> int:
        """Return how many rows were changed."""

    def read(self, statement: Statement, rows: int) -> list[dict[str, Any]]:
        """Return rows, no more than so many."""

    def now(self) -> int:
        """Return the seconds since 1970."""


class Database(Protocol):
    """A database that can be opened; all of it runs in a thread, but for ``stop``."""

    def transaction(self, *, is_reading: bool) -> AbstractContextManager[Transaction]:
        """Open it and begin; what raises undoes all. To write, it has the table of REMEMBER."""

    def stop(self) -> None:
        """End what it does, from another thread."""


class DatabaseCalls:
    """Makes the calls of the queue ``call-database``."""

    def __init__(self, egress: Egress, outside: Outside) -> None:
        self._egress = egress
        self._outside = outside
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="covey-database")

    async def __call__(self, call: Call) -> Any:
        """Return the rows of a query, or how many rows were changed; raises Failed."""
        given = call.arguments
        if given.get("action") not in ACTIONS:
            raise misconfigured(f"action is one of {', '.join(ACTIONS)}")
        database = await self._open(address_of(given.get("connection")))
        over = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(self._threads, _do, database, given, call.key, over)
        try:
            return await asyncio.shield(work)
        finally:
            if not work.done():
                over.set()
                database.stop()
                work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody asks
                await asyncio.wait([work], timeout=END_SECONDS)

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _open(self, url: str) -> Database:
        match scheme(url):
            case "sqlite":
                from node.calls.sqlite import Sqlite  # noqa: PLC0415

                return Sqlite(url, self._outside.data)
            case "postgresql" | "postgres":
                from node.calls.postgresql import opened  # noqa: PLC0415

                return await opened(url, self._egress)
        raise misconfigured(f"a connection of a database begins with {', '.join(SCHEMES)}")


def _do(database: Database, given: Mapping[str, Any], key: str, over: threading.Event) -> Any:
    """Carry out an action in a thread."""
    if given["action"] not in CHANGES:
        with database.transaction(is_reading=True) as transaction, _unless(over):
            return _read(transaction, statements.query(given))
    with database.transaction(is_reading=False) as transaction, _unless(over):
        at = transaction.now()
        transaction.change(Statement(_FORGET, {"before": at - KEEP_SECONDS}))
        if not transaction.change(Statement(_TAKE, {"key": key, "at": at})):
            return _known(transaction, key)
        counts = [transaction.change(one) for one in statements.changes(given, transaction.copy)]
        count = counts[-1] if given["action"] == "archive" else sum(counts)
        outcome = {"count": count}
        told = msgspec.json.encode(outcome).decode()
        transaction.change(Statement(_KEEP, {"key": key, "outcome": told}))
        return outcome


@contextmanager
def _unless(over: threading.Event) -> Iterator[None]:
    """Undo what was done when nobody waits for it any more."""
    _check(over)
    yield
    _check(over)


def _check(over: threading.Event) -> None:
    if over.is_set():
        raise Failed("timeout", "it took longer than it may")


def _known(transaction: Transaction, key: str) -> Any:
    """Return what came of the same call before."""
    (row,) = transaction.read(Statement(_KNOWN, {"key": key}), 1)
    return msgspec.json.decode(row["outcome"] or "null")


def _read(transaction: Transaction, statement: Statement) -> Any:
    rows = transaction.read(statement, ROWS_MOST + 1)
    if len(rows) > ROWS_MOST:
        raise Failed("runtime", f"the query has more than {ROWS_MOST} rows; give it a LIMIT")
    return msgspec.to_builtins(rows)
