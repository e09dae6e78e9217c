"""What must hold of runs in the end: each is as its dry run, once, and its history is what it is."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from actors.flow.actor import ACTOR
from actors.flow.state import State
from messages.base import tag
from messages.run_events import Cancelled, Cancelling, Failed, Paused, Resumed, Succeeded
from messages.task_events import Called, Returned, TaskEnded, TaskStarted
from node.live import decode_event, freeze, thaw
from tests.sim.definitions import End, expected

if TYPE_CHECKING:
    from tests.sim.runs import World

ENDS = (Succeeded, Failed, Cancelled)


async def broken(world: World) -> list[str]:
    """Say what does not hold of the runs once all is quiet."""
    runs = dict(_journal(world.node.path))
    wrong = list(world.wrong)
    for id, workflow in world.launched.items():
        if id not in runs:
            wrong.append(f"{id} was never begun")
            continue
        wrong += _unlike(runs[id], await expected(world.documents, workflow, runs[id][0].input), id)
    for id, events in runs.items():
        live = await world.node.engine.peek("run", id)
        wrong += [
            f"{id}: {one}" for one in (*_twice(events), *_while_paused(events), *_replayed(events, live))
        ]
    return wrong


def _journal(path: Path) -> Iterator[tuple[str, list[Any]]]:
    with closing(sqlite3.connect(path)) as db:
        rows = list(db.execute("SELECT id, type, body FROM journal WHERE kind = 'run' ORDER BY id, version"))
    for id in dict.fromkeys(row[0] for row in rows):
        yield id, [decode_event(ACTOR, type_, body) for one, type_, body in rows if one == id]


def _unlike(events: Sequence[Any], end: End, id: str) -> Iterable[str]:
    """Find a run that has ended otherwise than its dry run, unless it was cancelled."""
    state = reduce(ACTOR.evolve, events, State())
    if any(isinstance(event, Cancelling) for event in events):
        if state.status != "cancelled":
            yield f"{id} was cancelled and is {state.status}"
    elif (state.status, state.output, state.problem) != end:
        yield f"{id} has ended {(state.status, state.output, state.problem)}, and dry {end}"


def _twice(events: Sequence[Any]) -> Iterable[str]:
    for type_ in (TaskStarted, TaskEnded, Returned, Called):
        frames = Counter(event.frame for event in events if isinstance(event, type_))
        for frame, count in frames.items():
            if count > 1:
                yield f"frame {frame} has {tag(type_)} {count} times"
    ends = [event for event in events if isinstance(event, ENDS)]
    if len(ends) != 1 or events[-1] is not ends[0]:
        yield f"it has {len(ends)} ends, the last event is {events[-1]}"


def _while_paused(events: Sequence[Any]) -> Iterable[str]:
    is_paused = False
    for event in events:
        is_paused = (is_paused or isinstance(event, Paused)) and not isinstance(event, Resumed)
        if is_paused and isinstance(event, TaskStarted):
            yield f"{event.pointer} started while it was paused"


def _replayed(events: Sequence[Any], live: Any) -> Iterable[str]:
    """Find a run that replays to something else, or does so from a snapshot anywhere."""
    plain = snapped = State()
    for event in events:
        plain = ACTOR.evolve(plain, event)
        snapped = thaw(ACTOR, freeze(ACTOR.evolve(snapped, event)))
        if msgspec.to_builtins(plain, str_keys=True) != msgspec.to_builtins(snapped, str_keys=True):
            yield f"a snapshot after {tag(type(event))} is another state"
            return
    if plain != live.state or len(events) != live.version:
        yield f"it replays to {plain.status}, and is {live.state.status}"
