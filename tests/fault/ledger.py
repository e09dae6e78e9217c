"""What a stopped node has in its file, and what must be true of it whatever happened before."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bus.publisher import Outbound


class Row(NamedTuple):
    """One event of the journal."""

    kind: str
    id: str
    version: int
    type: str
    message: str

    @property
    def told_as(self) -> str:
        """The message id under which it is told."""
        return f"{self.kind}.{self.id}.{self.version}"


class Ledger(NamedTuple):
    """The facts of one file."""

    journal: Sequence[Row]
    handled: frozenset[str]
    unsent: int
    dead: int

    @property
    def effects(self) -> Counter[str]:
        """How many events of each type there are."""
        return Counter(row.type for row in self.journal)


def read_ledger(data: Path) -> Ledger:
    """Read the file of a node that has been stopped."""
    with closing(sqlite3.connect(data / "covey.db")) as db:
        journal = db.execute("SELECT kind, id, version, type, message FROM journal ORDER BY position")
        return Ledger(
            journal=[Row(*row) for row in journal],
            handled=frozenset(id for (id,) in db.execute("SELECT id FROM inbox")),
            unsent=db.execute("SELECT count(*) FROM outbox WHERE sent IS NULL").fetchone()[0],
            dead=db.execute("SELECT count(*) FROM deadletter").fetchone()[0],
        )


def wrongs(ledger: Ledger, acknowledged: Sequence[Outbound], told: Sequence[str]) -> list[str]:
    """Say what is lost and what is doubled of all that was acknowledged; nothing when all is well."""
    return [
        *_lost(ledger, acknowledged),
        *_overtaken(ledger, acknowledged),
        *_out_of_order(ledger, told),
        *_told_wrong(ledger, told),
    ]


def _lost(ledger: Ledger, acknowledged: Sequence[Outbound]) -> Iterator[str]:
    for message in acknowledged:
        if message.id not in ledger.handled:
            yield f"{message.subject} ({message.id}) was acknowledged and never handled"
    if ledger.unsent:
        yield f"{ledger.unsent} messages were never sent"
    if ledger.dead:
        yield f"{ledger.dead} messages are dead letters"


def _overtaken(ledger: Ledger, acknowledged: Sequence[Outbound]) -> Iterator[str]:
    """Find commands to one entity that were not handled in the order in which they were said."""
    turn = {message.id: place for place, message in enumerate(acknowledged)}
    last: dict[tuple[str, str], int] = defaultdict(int)
    for row in ledger.journal:
        place = turn.get(row.message, last[row.kind, row.id])
        if place < last[row.kind, row.id]:
            yield f"{row.message} was handled after what was said to {row.kind}.{row.id} later"
        last[row.kind, row.id] = place


def _out_of_order(ledger: Ledger, told: Sequence[str]) -> Iterator[str]:
    last: dict[tuple[str, str], int] = defaultdict(int)
    for row in ledger.journal:
        last[row.kind, row.id] += 1
        if row.version != last[row.kind, row.id]:
            yield f"{row.told_as} is where version {last[row.kind, row.id]} should be"
    heard: dict[str, int] = defaultdict(int)
    for id in told:
        entity, _, version = id.rpartition(".")
        heard[entity] += 1
        if int(version) != heard[entity]:
            yield f"{id} was told where version {heard[entity]} should be"


def _told_wrong(ledger: Ledger, told: Sequence[str]) -> Iterator[str]:
    recorded = Counter(row.told_as for row in ledger.journal)
    heard = Counter(told)
    for id in recorded.keys() | heard.keys():
        if recorded[id] != 1 or heard[id] != 1:
            yield f"{id} is {recorded[id]} times in the journal and was told {heard[id]} times"
