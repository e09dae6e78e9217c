"""(f) Cost against size: entities in the store, and slots in one book."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from actors import ACTORS
from actors.actor import Actor, Turn
from actors.booking.booking import ACTOR as BOOKING
from bench.report import median, tell
from messages.base import encode
from messages.booking import Hold, Open, Slot
from messages.envelope import ACTOR, Address, Envelope
from node.answers import Answers
from node.engine import Engine
from node.live import freeze
from store.open import open_store

SIZES = (1_000, 10_000, 100_000)
BATCH = 1_000
REPEATS = 30
SLOTS_A_HOLD = 10
AT = datetime(2026, 1, 1, tzinfo=UTC)


async def run(directory: Path) -> None:
    """Measure the same small work on larger and larger stores and books."""
    tell(
        "entities",
        "microseconds a command in batches of 64, milliseconds a page of 50",
        [await _entities(directory, size) for size in SIZES],
    )
    tell("book", "milliseconds, in a book with so many slots", [_book(size) for size in SIZES])


async def _entities(directory: Path, size: int) -> dict[str, Any]:
    async with open_store(directory / str(size) / "covey.db") as store:
        engine = Engine("bench", ACTORS, store)
        answers = Answers(engine, store, ACTORS)
        for start in range(0, size, BATCH):
            await engine.handle([_save(n, "fill") for n in range(start, start + BATCH)])
        began = time.perf_counter()
        for turn in range(REPEATS):
            await engine.handle([_save((turn * 64 + n) * 7919 % size, f"again-{turn}") for n in range(64)])
        write = (time.perf_counter() - began) / REPEATS / 64
        began = time.perf_counter()
        for _ in range(REPEATS):
            await answers.answer("resource", "", "list", b'{"name": "Resource 7 fill"}', 0)
        page = (time.perf_counter() - began) / REPEATS
    return {"what": f"{size:,} entities", "command us": write * 1e6, "list by name ms": page * 1e3}


def _save(number: int, round_: str) -> Envelope:
    return Envelope(
        id=f"{round_}-{number}",
        to=Address("resource", f"r{number}"),
        verb="save",
        body=encode({"name": f"Resource {number} {round_}", "type": "data"}),
        at=1_800_000_000_000_000,
    )


def _book(size: int) -> dict[str, Any]:
    actor: Actor[Any, Any, Any] = BOOKING
    state = _say(actor, actor.initial, Open(generation=1, capacity=1_000_000))
    for number in range(size // SLOTS_A_HOLD):
        state = _say(actor, state, _hold(number, f"w{number}"))
    hold = median([_time(partial(_say, actor, state, _hold(n * 31, f"new{n}"))) for n in range(REPEATS)])
    return {
        "what": f"{size:,} slots",
        f"hold of {SLOTS_A_HOLD} ms": hold,
        "snapshot ms": _time(lambda: freeze(state)),
        "snapshot MB": len(freeze(state)) / 1e6,
    }


def _hold(number: int, workflow: str) -> Hold:
    first = AT + timedelta(minutes=37 * number % (365 * 24 * 60))
    slots = [first + timedelta(days=n) for n in range(SLOTS_A_HOLD)]
    return Hold(
        workflow=workflow,
        generation=1,
        slots=tuple(
            Slot(execution=f"{workflow}-{n}", start=start, end=start + timedelta(minutes=45), units=1)
            for n, start in enumerate(slots)
        ),
        until=AT + timedelta(days=1),
    )


def _say(actor: Actor[Any, Any, Any], state: Any, command: Any) -> Any:
    turn = Turn(me=Address("booking", "hpc"), node="bench", message="m", at=AT, sender=ACTOR)
    for event in actor.decide(state, command, turn):
        state = actor.evolve(state, event)
        actor.react(state, event, turn)
    actor.alarms(state)
    actor.summary(state)
    return state


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
