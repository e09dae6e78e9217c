"""What must hold of routines in the end: each step in its order, no more often than it may, ended once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from actors.actor import Actor
from actors.jobs.job_run import ACTOR as JOB_RUN
from actors.routines.routine_graph import needed, order
from actors.routines.routine_run import ACTOR
from messages import job_run
from messages import routine_run as said

if TYPE_CHECKING:
    from tests.sim.routines import World

from node.live import decode_event


async def broken(world: World) -> list[str]:
    """Say what does not hold once all is quiet."""
    found = dict(_journal(world, ACTOR))
    jobs = dict(_journal(world, JOB_RUN))
    wrong = [*world.wrong, *(f"{id} was never begun" for id in world.launched if id not in found)]
    for id, events in found.items():
        live = await world.node.engine.peek("routine_run", id)
        wrong += [f"{id}: {one}" for one in _of_run(events, jobs, world)]
        if ACTOR.replay(events) != live.state:
            wrong.append(f"{id}: it replays to another state")
    runs = {event.run for events in found.values() for event in events if isinstance(event, said.StepStarted)}
    wrong += [f"the job of {run} is run, and no step has begun it" for run in jobs.keys() - runs]
    return wrong


def _journal(world: World, actor: Actor[Any, Any, Any]) -> Iterator[tuple[str, list[Any]]]:
    with closing(sqlite3.connect(world.node.path)) as db:
        asked = "SELECT id, type, body FROM journal WHERE kind = ? ORDER BY id, version"
        rows = list(db.execute(asked, (actor.kind,)))
    for id in dict.fromkeys(row[0] for row in rows):
        yield id, [decode_event(actor, type_, body) for one, type_, body in rows if one == id]


def _of_run(events: Sequence[Any], jobs: dict[str, list[Any]], world: World) -> Iterator[str]:
    begun = events[0]
    ends = [event for event in events if isinstance(event, said.Ended)]
    if len(ends) != 1 or events[-1] is not ends[0]:
        yield f"it has {len(ends)} ends, the last event is {events[-1]}"
    yield from _in_order(begun, events)
    for step in begun.content.steps:
        runs = [one.run for one in events if isinstance(one, said.StepStarted) and one.step == step.id]
        ended = [one for one in events if isinstance(one, said.StepEnded) and one.step == step.id]
        if len(ended) != 1:
            yield f"{step.id} has ended {len(ended)} times"
        if len(runs) > step.retries + 1 or len(set(runs)) < len(runs):
            yield f"{step.id} was tried {len(runs)} times, of {step.retries + 1}"
        for run in runs:
            yield from _of_job(run, jobs.get(run, []), world, is_once=step.once)


def _of_job(run: str, events: Sequence[Any], world: World, *, is_once: bool) -> Iterator[str]:
    if sum(isinstance(event, job_run.Ended) for event in events) != 1:
        yield f"the job of {run} has not ended once"
    starts = sum(isinstance(event, job_run.Started) for event in events)
    if is_once and max(starts, world.started[run]) > 1:
        yield f"{run} is once, and its program was started {world.started[run]} times"


def _in_order(begun: said.Begun, events: Sequence[Any]) -> Iterator[str]:
    waits = order(begun.content.steps)
    steps = {step.id: step for step in begun.content.steps}
    over: dict[str, str] = {}
    running: set[str] = set()
    is_stopping = False
    for event in events:
        match event:
            case said.StepStarted():
                running.add(event.step)
                if not waits[event.step] <= over.keys() or is_stopping or event.step in over:
                    yield f"{event.step} began too early, too late or again"
                if any(over.get(id) != "success" for id in needed(steps[event.step])):
                    yield f"{event.step} began although what it needs has not succeeded"
                if len(running) > begun.content.at_once:
                    yield f"{len(running)} ran at once, of {begun.content.at_once}"
            case said.StepRetried():
                running.discard(event.step)
            case said.StepEnded():
                running.discard(event.step)
                over[event.step] = event.status
            case said.Stopping():
                is_stopping = True
            case _:
                pass
