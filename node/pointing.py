"""What the state of an entity points at: it is known only once the entity itself has been read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from actors.actor import ById, Users, leads_nowhere, no_pointers
from messages.base import Alarm
from node.batch import Batch, Job
from node.live import Key, Live


def pointers(batch: Batch, job: Job, live: Live) -> Sequence[ById]:
    """Return what the entity, and what is known of others, points at that the decision depends on."""
    if job.actor is None or isinstance(job.command, Alarm):
        return ()
    if job.actor.points_at is no_pointers and job.actor.leads_to is leads_nowhere:
        return ()
    found: list[ById] = []
    if job.actor.points_at is not no_pointers:
        found.extend(job.actor.points_at(live.state, job.command))
    if job.actor.leads_to is not leads_nowhere:
        known = {need: batch.known(need) for need in job.needs if not isinstance(need, Users)}
        found.extend(job.actor.leads_to(job.command, known))
    return found


def pointed_at(batch: Batch) -> frozenset[Key]:
    """Return what the entities of a batch point at."""
    found: set[Key] = set()
    for job in batch.jobs:
        with suppress(Exception):  # the decision will meet the same bug, and tell it with its traceback
            live = batch.changed.get(job.key) or batch.lives[job.key]
            found.update((need.kind, need.id) for need in pointers(batch, job, live))
    return frozenset(found)


def has_read(batch: Batch, job: Job) -> bool:
    """Say whether all was read that the entity points at now: it may have turned since, within the batch."""
    live = batch.changed.get(job.key) or batch.lives.get(job.key)
    return live is None or all(batch.has_read(need) for need in pointers(batch, job, live))
