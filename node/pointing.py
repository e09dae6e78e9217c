"""What the state of an entity points at: it is known only once the entity itself has been read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from actors.actor import ById, no_pointers
from messages.base import Alarm
from node.batch import Batch, Job
from node.live import Key, Live


def pointers(job: Job, live: Live) -> Sequence[ById]:
    """Return what the entity points at that the decision depends on."""
    if job.actor is None or job.actor.points_at is no_pointers or isinstance(job.command, Alarm):
        return ()
    return job.actor.points_at(live.state, job.command)


def pointed_at(jobs: Sequence[Job], lives: Mapping[Key, Live]) -> frozenset[Key]:
    """Return what the entities of a batch point at."""
    found: set[Key] = set()
    for job in jobs:
        with suppress(Exception):  # the decision will meet the same bug, and tell it with its traceback
            found.update((need.kind, need.id) for need in pointers(job, lives[job.key]))
    return frozenset(found)


def has_read(batch: Batch, job: Job) -> bool:
    """Say whether all was read that the entity points at now: it may have turned since, within the batch."""
    live = batch.changed.get(job.key) or batch.lives.get(job.key)
    return live is None or all(batch.has_read(need) for need in pointers(job, live))
