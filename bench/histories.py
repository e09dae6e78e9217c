"""(g) Event histories: appends and replays, beside the ``eventsourcing`` library doing the same."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from actors.ephemeral.du_root import ACTOR as DU_ROOT
from bench.aggregates import PATHS, Library
from bench.report import each_round, median, tell
from cli.up import GARBAGE_OBJECTS
from messages.base import encode
from messages.envelope import Address, Envelope
from node.engine import Engine
from node.handle import Result
from node.intake import Intake, outcome_of
from store.open import open_store
from store.store import Store

EVENTS = 5_000
"""How many are appended in one measurement."""
SINGLE = 1_000
"""How many are appended one after the other, and how many histories there are."""
ROUNDS = 3
LONG = 100_000
"""Events of the history that is replayed."""
FILL = 10_000
"""How many of them wait in memory at a time."""
REPLAYS = 3
KIND = "du_root"
AT = 1_800_000_000_000_000
SETTINGS = ("journal_mode", "synchronous")

Append = Callable[[int, int], Awaitable[None]]
"""Appends so many events, spread over so many histories."""


async def run(directory: Path) -> None:
    """Measure appends in turn, then replays; the garbage is collected as in a node, for both."""
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    rounds = [await _round(directory / f"round-{number}") for number in each_round(ROUNDS)]
    tell("histories", "events a second, all of them on the disk (synchronous = FULL)", _rates(rounds))
    replays = [await _replays_of_covey(directory / "long"), _replays_of_library(directory / "long")]
    tell("replay", f"milliseconds, a history of {LONG:,} events", replays)


def _rates(rounds: Sequence[dict[str, tuple[float, float]]]) -> list[dict[str, Any]]:
    """Return the medians, and the ratio of ours to theirs within each round."""
    rows = [_row(what, [one[what] for one in rounds]) for what in rounds[0]]
    saves, ours = list(rounds[0])[:2]
    ratios = [(one[ours][0] / one[saves][0], one[ours][1] / one[saves][1]) for one in rounds]
    return [*rows[:2], _row("ratio of these two", ratios), *rows[2:]]


def _row(what: str, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    one, many = ([pair[place] for pair in pairs] for place in (0, 1))
    return {
        "what": what,
        "one history": median(one),
        "least": min(one),
        f"{SINGLE:,} histories": median(many),
        "least of many": min(many),
    }


async def _round(directory: Path) -> dict[str, tuple[float, float]]:
    library = Library(directory / "library.db", SINGLE)
    try:
        async with Covey.open(directory / "covey.db") as covey:
            _check_settings(library.pragmas(SETTINGS), await covey.pragmas(SETTINGS))
            return {
                "eventsourcing, a save a command": await _both(library.save_each, EVENTS),
                "covey, as many wait": await _both(covey.append, EVENTS),
                "covey, one after the other": await _both(covey.append_each, SINGLE),
                "eventsourcing, a save for all": await _both(library.save_all, EVENTS),
            }
    finally:
        library.close()


def _check_settings(theirs: dict[str, str], ours: dict[str, str]) -> None:
    if theirs != ours:
        raise RuntimeError(f"not the same settings: {theirs} and {ours}")


async def _both(append: Append, events: int) -> tuple[float, float]:
    return await _rate(append, events, 1), await _rate(append, events, SINGLE)


async def _rate(append: Append, events: int, histories: int) -> float:
    began = time.perf_counter()
    await append(events, histories)
    return events / (time.perf_counter() - began)


class Covey:
    """The engine behind the intake, without a bus: what it says is noted as sent at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._engine = Engine("bench", (DU_ROOT,), store)
        self._intake = Intake(self._engine, self._sent)
        self._said = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Covey]:
        """Open a file with as many histories as are wanted, each begun."""
        async with open_store(path) as store, asyncio.TaskGroup() as group:
            made = cls(store)
            running = group.create_task(made._intake.run())
            await made._say([made._init(number) for number in range(SINGLE)])
            yield made
            running.cancel()

    async def append(self, events: int, histories: int) -> None:
        """Let all wait for the intake, which takes them in batches."""
        await self._say([self._append(number % histories) for number in range(events)])

    async def append_each(self, events: int, histories: int) -> None:
        """Wait for each before the next is said."""
        for number in range(events):
            _check(await self._intake.call(self._append(number % histories)))

    async def pragmas(self, names: Sequence[str]) -> dict[str, str]:
        """Return settings of the connection."""
        return await self._store.run(
            lambda db: {name: str(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in names}
        )

    async def replay(self) -> float:
        """Return the milliseconds in which a node that knows nothing has the first history at hand."""
        fresh = Engine("bench", (DU_ROOT,), self._store)
        began = time.perf_counter()
        live = await fresh.peek(KIND, "h0")
        took = (time.perf_counter() - began) * 1e3
        if live.version != LONG:
            raise RuntimeError(f"replayed {live.version} events")
        return took

    async def fill(self) -> None:
        """Bring the first history to its length."""
        for start in range(1, LONG, FILL):
            await self.append(min(FILL, LONG - start), 1)

    async def forget_snapshots(self) -> None:
        """Leave only the events."""
        await self._store.run(lambda db: db.execute("DELETE FROM snapshot"))

    async def _say(self, envelopes: Sequence[Envelope]) -> None:
        async def finish(result: Result) -> None:
            _check(result.outcome)

        for envelope in envelopes:
            self._intake.put(envelope, finish)
        await self._intake.wait_empty()

    def _sent(self, results: Sequence[Result]) -> None:
        self._intake.note_sent([(out.position, out.position) for one in results for out in one.outgoing])

    def _init(self, history: int) -> Envelope:
        place = {"global_root": f"/root/{history}", "host": "files", "host_root": "/srv"}
        return self._envelope(history, "init", {"registry_id": "registry", **place})

    def _append(self, history: int) -> Envelope:
        usage = {"path": f"part/{self._said % PATHS}", "usage": self._said}
        return self._envelope(history, "append", usage)

    def _envelope(self, history: int, verb: str, body: dict[str, Any]) -> Envelope:
        self._said += 1
        to = Address(KIND, f"h{history}")
        return Envelope(id=f"bench-{self._said}", to=to, verb=verb, body=encode(body), at=AT)


def _check(outcome: bytes) -> None:
    told = outcome_of(outcome)
    if told.status != "done":
        raise RuntimeError(f"{told.code}: {told.detail}")


async def _replays_of_covey(directory: Path) -> dict[str, Any]:
    async with Covey.open(directory / "covey.db") as covey:
        await covey.fill()
        snapshot = median([await covey.replay() for _ in range(REPLAYS)])
        await covey.forget_snapshots()
        whole = median([await covey.replay() for _ in range(REPLAYS)])
    return {"what": "covey", "all events": whole, "with its snapshot": snapshot}


def _replays_of_library(directory: Path) -> dict[str, Any]:
    library = Library(directory / "library.db", 1)
    try:
        library.fill(LONG, FILL)
        whole = median([library.replay(LONG) for _ in range(REPLAYS)])
        library.take_snapshot()
        snapshot = median([library.replay(LONG) for _ in range(REPLAYS)])
    finally:
        library.close()
    return {"what": "eventsourcing", "all events": whole, "with its snapshot": snapshot}
