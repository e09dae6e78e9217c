"""The engine: one batch of commands in, one transaction, outcomes and outgoing messages out."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from actors.actor import Actor, ById, ByName, Users
from actors.rights.rights import KINDS, Rights
from messages.envelope import RETRY, Envelope
from node.batch import Batch, Job
from node.handle import Handler, Result
from node.live import Cache, Key, Live, revive
from node.pointing import pointed_at
from node.trail import Trail
from node.waiting import Waiting
from store.step import Memory
from store.store import Store, VersionConflict

CONFLICTS_MAX = 3
"""How often a message is decided anew because somebody else wrote to its entity."""
RETRY_ATTEMPTS = 6
"""How often one is tried that asks for it (``expect: retry``), the attempt with its batch included."""


class Draft(NamedTuple):
    """A batch that is decided and not yet written."""

    batch: Batch
    results: list[Result]
    rounds: Sequence[Draft] = ()
    """The orders that were handled along with it, and those that these gave."""
    left: frozenset[Key] = frozenset()
    """For whom it gave orders that were not handled along with it."""

    @property
    def batches(self) -> list[Batch]:
        """Its own batch and those of the orders."""
        return [self.batch, *(one.batch for one in self.rounds)]

    @property
    def all_results(self) -> list[Result]:
        """Its own results, then those of the orders."""
        return [*self.results, *chain.from_iterable(one.results for one in self.rounds)]


class Engine:
    """Handles batches for all actors of one node, one batch at a time."""

    def __init__(self, node: str, actors: Sequence[Actor[Any, Any, Any]], store: Store) -> None:
        self.node = node
        self._store = store
        self._cache = Cache()
        self.waiting = Waiting()
        self._handler = Handler(
            node, {actor.kind: actor for actor in actors}, Trail(node, store.next_position)
        )

    @property
    def peers(self) -> frozenset[str]:
        """The peers that copies are exchanged with."""
        return self._handler.peers

    @peers.setter
    def peers(self, names: frozenset[str]) -> None:
        self._handler.peers = names

    @property
    def rights(self) -> Rights:
        """Who may do what, as the last decision has left it."""
        return self._handler.rights

    @rights.setter
    def rights(self, rights: Rights) -> None:
        self._handler.rights = rights

    async def handle(
        self, envelopes: Sequence[Envelope], sent: Sequence[tuple[int, int]] = ()
    ) -> list[Result]:
        """Handle the envelopes in order and return a result for each, all of it committed.

        ``sent`` are positions of outgoing messages and when the broker took them, noted in passing.
        """
        draft = self.decide(await self.prepare(envelopes))
        results = await self.commit(draft, sent)
        return await self.redo(draft) if results is None else results

    async def prepare(
        self, envelopes: Sequence[Envelope], changed: Mapping[Key, Live] | None = None
    ) -> Batch:
        """Read all that the decisions on these envelopes need, beside what is ``changed`` already."""
        jobs = [self._handler.open(envelope) for envelope in envelopes]
        keys = {job.key for job in jobs if job.actor is not None}
        at_hand = {key: live for key in keys if (live := self._cache.get(key)) is not None}
        is_written = {key for key, live in at_hand.items() if live.version}
        memory = await self._read(jobs, keys - at_hand.keys(), is_written)
        # what was committed while we read is newer than what was at hand before
        lives = {key: self._cache.get(key) or at_hand.get(key) or self._revive(key, memory) for key in keys}
        batch = Batch(jobs, memory, lives, changed=dict(changed or {}))
        batch.pointed_at = pointed_at(batch)
        if batch.pointed_at:
            more = await self._store.read([], [], list(batch.pointed_at), [])
            batch.memory = msgspec.structs.replace(memory, by_id={**memory.by_id, **more.by_id})
        return batch

    def decide(self, batch: Batch, *after: Draft | None) -> Draft:
        """Decide on a batch; ``after`` are those before it, the latest first, perhaps not written yet."""
        batch.follow([one for draft in reversed(after) if draft is not None for one in draft.batches])
        results = self._handler.run(batch)
        self._handler.notice_peers(batch)
        return Draft(batch, results)

    async def commit(self, draft: Draft, sent: Sequence[tuple[int, int]] = ()) -> list[Result] | None:
        """Write a decided batch and return all results; None when it must be redone, as nothing of it was."""
        results = draft.all_results
        steps = [result.step for result in results if result.step is not None]
        try:
            if steps or sent:
                await self._store.write(steps, sent)
        except sqlite3.OperationalError:
            raise  # the disk is full or gone: no message is to blame
        except Exception:
            for key in chain.from_iterable(batch.lives for batch in draft.batches):
                self._cache.drop(key)
            await self.forget(draft)
            await self._store.write((), sent)
            return None
        for batch in draft.batches:
            self._keep(batch)
        return results

    async def forget(self, draft: Draft) -> None:
        """Judge by what is stored again: the changes of a draft did not come to be."""
        changed = {key for batch in draft.batches for key in batch.changed}
        for kind, id in changed:
            if kind in KINDS or self.rights.named(f"{kind}/{id}"):
                self._handler.note_rights((kind, id), (await self.peek(kind, id)).summary)

    async def redo(self, draft: Draft) -> list[Result]:
        """Handle the messages of a batch that could not be written one by one, and no orders with them."""
        return [await self._alone(job.envelope) for job in draft.batch.jobs]

    async def note_sent(self, sent: Sequence[tuple[int, int]]) -> None:
        """Note positions of outgoing messages and the sequences under which the broker has them."""
        await self._store.write((), sent)

    async def rehearse(self, envelope: Envelope, lives: dict[Key, Live]) -> Result:
        """Handle one message on ``lives`` and what is stored; it changes ``lives`` alone."""
        batch = await self.prepare([envelope], lives)
        rights = self._handler.rights
        try:
            for key, live in lives.items():
                self._handler.note_rights(key, live.summary)
            (result,) = self._handler.run(batch)
        finally:
            self._handler.rights = rights
        lives.update(batch.changed)
        return result

    def _revive(self, key: Key, memory: Memory) -> Live:
        return revive(self._handler.actors[key[0]], memory.pasts[key])

    async def _read(self, jobs: Sequence[Job], entities: Collection[Key], written: Collection[Key]) -> Memory:
        needs = set(chain.from_iterable(job.needs for job in jobs))
        by_id = {(need.kind, need.id) for need in needs if isinstance(need, ById)}
        for job in jobs:
            if job.relatives and job.key not in written:  # what is written has its id for itself
                by_id.update(job.relatives)
        return await self._store.read(
            [job.envelope.id for job in jobs],
            list(entities),
            list(by_id),
            [(need.kind, need.name) for need in needs if isinstance(need, ByName)],
            [(need.kind, need.id, need.by) for need in needs if isinstance(need, Users)],
        )

    async def _alone(self, envelope: Envelope) -> Result:
        is_retried = envelope.expect == RETRY
        for _ in range(RETRY_ATTEMPTS - 1 if is_retried else CONFLICTS_MAX):
            draft = self.decide(await self.prepare([envelope]))
            (result,) = draft.results
            try:
                await self._store.write([result.step] if result.step else [])
            except VersionConflict as error:
                self._cache.drop((envelope.to.kind, envelope.to.id))
                await self.forget(draft)
                failure: Exception = error
                continue
            except sqlite3.OperationalError:
                raise
            except Exception as error:
                await self.forget(draft)
                failure = error
                break
            self._keep(draft.batch)
            return result
        if is_retried and isinstance(failure, VersionConflict):
            expected = draft.batch.lives[envelope.to.kind, envelope.to.id].version
            last = self._handler.outrun(await self.prepare([envelope]), expected)
        else:
            last = self._handler.bury(envelope, failure)
        await self._store.write([last.step] if last.step else [])
        return last

    async def admits(self, envelope: Envelope) -> bool:
        """Say whether a message can be read, and its sender may say it as far as is known now."""
        job = self._handler.identified(self._handler.open(envelope))
        return job.actor is not None and self._handler.admits(job, await self.peek(*job.key))

    async def peek(self, kind: str, id: str) -> Live:
        """Return an entity as of its last event."""
        live = self._cache.get((kind, id))
        if live is None:
            memory = await self._store.read([], [(kind, id)], [], [])
            live = revive(self._handler.actors[kind], memory.pasts[kind, id])
        return live

    async def relative(self, kind: str, id: str) -> str:
        """Return the kind of the same family that has the id, or nothing."""
        keys = self._handler.relatives((kind, id))
        if not keys:
            return ""
        memory = await self._store.read([], [], keys, [])
        return next((other for other, _ in memory.by_id), "")

    def _keep(self, batch: Batch) -> None:
        for key, live in (batch.lives | batch.changed).items():
            self._cache.put(key, live)
        self.waiting.wake(batch.changed.keys())
