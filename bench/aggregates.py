"""The ``eventsourcing`` library, used as its documentation does, on an SQLite file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteFactory

PATHS = 16
"""How many paths are told of each root, again and again."""


class DuRoot(Aggregate):
    """What lies below a root."""

    @event("Started")
    def __init__(self, registry_id: str, global_root: str, host: str, host_root: str) -> None:
        self.arguments = {
            "registry_id": registry_id,
            "global_root": global_root,
            "host": host,
            "host_root": host_root,
        }
        self.usage: dict[str, int] = {}

    @event("Updated")
    def append(self, path: str, usage: int) -> None:
        """Tell how many bytes lie below a path."""
        self.usage[path] = usage


class Library:
    """An application with some aggregates at hand, so that none is read again before a command."""

    def __init__(self, path: Path, histories: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._application = Application[UUID](
            {
                "PERSISTENCE_MODULE": "eventsourcing.sqlite",
                "SQLITE_DBNAME": str(path),
                "IS_SNAPSHOTTING_ENABLED": "y",
            }
        )
        self._roots = [DuRoot("registry", f"/root/{n}", "files", "/srv") for n in range(histories)]
        self._application.save(*self._roots)
        self._said = 0

    async def save_each(self, events: int, histories: int) -> None:
        """Save after each command."""
        for number in range(events):
            self._application.save(self._append(number % histories))

    async def save_all(self, events: int, histories: int) -> None:
        """Give all commands, then save all aggregates in one transaction."""
        for number in range(events):
            self._append(number % histories)
        self._application.save(*self._roots[:histories])

    def fill(self, length: int, at_once: int) -> None:
        """Bring the first history to this length."""
        root = self._roots[0]
        while root.version < length:
            for _ in range(min(at_once, length - root.version)):
                self._append(0)
            self._application.save(root)

    def take_snapshot(self) -> None:
        """Take one of the first history."""
        self._application.take_snapshot(self._roots[0].id)

    def replay(self, length: int) -> float:
        """Return the milliseconds in which the first history is read; nothing of it is kept at hand."""
        began = time.perf_counter()
        root: DuRoot = self._application.repository.get(self._roots[0].id)
        took = (time.perf_counter() - began) * 1e3
        if root.version != length:
            raise RuntimeError(f"replayed {root.version} events")
        return took

    def pragmas(self, names: Sequence[str]) -> dict[str, str]:
        """Return settings of a connection."""
        factory, found = self._application.factory, {}
        assert isinstance(factory, SQLiteFactory)
        with factory.datastore.transaction(commit=False) as cursor:
            for name in names:
                cursor.execute(f"PRAGMA {name}")
                found[name] = str(cursor.fetchone()[0])
        return found

    def close(self) -> None:
        """Close the file."""
        self._application.close()

    def _append(self, history: int) -> DuRoot:
        self._said += 1
        root = self._roots[history]
        root.append(path=f"part/{self._said % PATHS}", usage=self._said)
        return root
