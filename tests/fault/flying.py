"""Runs under way at a real node: what they do, when they have ended, and what the journal says of them."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import nats

from actors.flow.actor import ACTOR
from actors.flow.state import State
from messages import subjects
from messages.base import tag
from messages.task_events import Called, Returned
from tests.fault.load import command
from tests.fault.process import NODE, NodeProcess

EVENTS = {tag(event): event for event in ACTOR.events}
ENDS = {"run.succeeded", "run.failed", "run.cancelled"}


def document(name: str, *tasks: dict[str, Any]) -> dict[str, Any]:
    """Return a definition of these tasks."""
    head = {"dsl": "1.0.3", "namespace": "fault", "name": name, "version": "1.0.0"}
    return {"document": head, "do": list(tasks)}


def get(url: str) -> dict[str, Any]:
    """Return the body of a task that calls a server."""
    return {"call": "http", "with": {"method": "get", "endpoint": {"uri": url}}}


def caller(name: str, seconds: int, url: str) -> dict[str, Any]:
    """Return what waits, calls, and waits once more."""
    return document(
        name,
        {"first": {"set": {"number": "${ .number }"}}},
        {"pause": {"wait": {"seconds": seconds}}},
        {"call": get(url + "/{number}")},
        {"rest": {"wait": {"seconds": 3}}},
        {"last": {"set": {"told": "${ .told }", "number": "${ $workflow.input.number }"}}},
    )


def saved(name: str, definition: dict[str, Any]) -> Any:
    """Return the message that saves a workflow."""
    return command(f"save-{name}", "workflow", name, "save", {"name": name, "definition": definition})


def launched(workflow: str, run: str, given: Any) -> Any:
    """Return the message that begins a run."""
    return command(f"launch-{run}", "workflow", workflow, "launch", {"run": run, "input": given})


async def until_ended(node: NodeProcess, count: int, seconds: float) -> None:
    """Return when so many runs have told how they ended."""
    seed = str(node.data / "keys" / "operator.seed")
    async with await nats.connect(node.url, nkeys_seed=seed) as client:
        ended = 0
        all_ended = asyncio.Event()

        async def hear(message: Any) -> None:
            nonlocal ended
            ended += f"run.{message.subject.rpartition('.')[2]}" in ENDS
            if ended >= count:
                all_ended.set()

        every = subjects.event(NODE, "run", "*", "*")
        await client.jetstream().subscribe(every, ordered_consumer=True, cb=hear)
        try:
            await asyncio.wait_for(all_ended.wait(), seconds)
        except TimeoutError:
            raise AssertionError(f"{ended} of {count} runs have ended in {seconds:g} s") from None


class Flown(NamedTuple):
    """One run as the journal has it."""

    events: list[Any]
    status: str
    """What its row says, which listings show."""

    @property
    def state(self) -> State:
        """Replay it."""
        state = State()
        for event in self.events:
            state = ACTOR.evolve(state, event)
        return state

    @property
    def calls(self) -> dict[int, bool]:
        """Say of each frame that has called whether it has the answer."""
        returned = {one.frame for one in self.events if isinstance(one, Returned)}
        return {one.frame: one.frame in returned for one in self.events if isinstance(one, Called)}

    def count(self, name: str, pointer: str = "") -> int:
        """Count its events of a kind, at a task."""
        return sum(
            tag(type(one)) == f"run.{name}" and getattr(one, "pointer", "").endswith(pointer)
            for one in self.events
        )


def read(data: Path) -> dict[str, Flown]:
    """Read the runs of a node that is not alive, from a copy of its file."""
    with tempfile.TemporaryDirectory() as copy:
        for path in data.glob("covey.db*"):
            shutil.copy(path, copy)
        with closing(sqlite3.connect(Path(copy) / "covey.db")) as db:
            rows = db.execute("SELECT id, type, body FROM journal WHERE kind = 'run' ORDER BY id, version")
            events: dict[str, list[Any]] = defaultdict(list)
            for id, type_, body in rows:
                events[id].append(msgspec.json.decode(body, type=EVENTS[type_]))
            statuses = dict(db.execute("SELECT id, status FROM entity WHERE kind = 'run'"))
    return {id: Flown(found, statuses[id]) for id, found in events.items()}


def wrongs(runs: dict[str, Flown]) -> list[str]:
    """Say which runs have not one end, did a task twice, or replay to something else than they are."""
    return [f"{id}: {wrong}" for id, run in runs.items() for wrong in _wrongs(run)]


def _wrongs(run: Flown) -> Iterable[str]:
    ends = [tag(type(one)) for one in run.events if tag(type(one)) in ENDS]
    if len(ends) != 1 or tag(type(run.events[-1])) != ends[0]:
        yield f"it has the ends {ends}"
    for what in ("task_started", "task_ended", "returned", "succeeded"):
        frames = Counter(getattr(one, "frame", 0) for one in run.events if tag(type(one)) == f"run.{what}")
        yield from (f"frame {frame} has {what} {times} times" for frame, times in frames.items() if times > 1)
    if run.state.status != run.status:
        yield f"it replays to {run.state.status} and is {run.status}"
