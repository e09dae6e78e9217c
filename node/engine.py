"""The engine: one batch of commands in, one transaction, outcomes and outgoing messages out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from actors.actor import Actor
from messages.envelope import Envelope
from node.batch import Batch, Job
from node.handle import Handler, Result
from node.live import Cache, Key, Live, revive
from node.trail import Trail
from store.step import Memory
from store.store import Store, VersionConflict

CONFLICTS_MAX = 3
"""How often a message is decided anew because somebody else wrote to its entity."""


class Engine:
    """Handles batches for all actors of one node, one batch at a time."""

    def __init__(self, node: str, actors: Sequence[Actor[Any, Any, Any]], store: Store) -> None:
        self._store = store
        self._cache = Cache()
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

    async def handle(
        self, envelopes: Sequence[Envelope], sent: Sequence[tuple[int, int]] = ()
    ) -> list[Result]:
        """Handle the envelopes in order and return a result for each, all of it committed.

        ``sent`` are positions of outgoing messages and when the broker took them, noted in passing.
        """
        batch = await self._prepare(envelopes)
        results = self._handler.run(batch)
        steps = [result.step for result in results if result.step is not None]
        if not steps and not sent:
            return results
        try:
            await self._store.write(steps, sent)
        except sqlite3.OperationalError:
            raise  # the disk is full or gone: no message is to blame
        except Exception:
            return await self._one_by_one(envelopes, sent)
        self._keep(batch)
        return results

    async def rehearse(self, envelope: Envelope, lives: dict[Key, Live]) -> Result:
        """Handle one message on ``lives`` and what is stored; it changes ``lives`` alone."""
        batch = await self._prepare([envelope])
        batch.changed.update(lives)
        (result,) = self._handler.run(batch)
        lives.update(batch.changed)
        return result

    async def _prepare(self, envelopes: Sequence[Envelope]) -> Batch:
        jobs = [self._handler.open(envelope) for envelope in envelopes]
        memory = await self._read(jobs)
        lives = {}
        for key in {job.key for job in jobs if job.actor is not None}:
            live = self._cache.get(key)
            if live is None:
                live = revive(self._handler.actors[key[0]], memory.pasts[key])
                self._cache.put(key, live)
            lives[key] = live
        return Batch(jobs, memory, lives)

    async def _read(self, jobs: Sequence[Job]) -> Memory:
        known = {job.key for job in jobs if job.actor is not None}
        needs = set(chain.from_iterable(job.needs for job in jobs))
        return await self._store.read(
            [job.envelope.id for job in jobs],
            [key for key in known if self._cache.get(key) is None],
            [(need.kind, need.id) for need in needs if hasattr(need, "id")],
            [(need.kind, need.name) for need in needs if hasattr(need, "name")],
        )

    async def _one_by_one(
        self, envelopes: Sequence[Envelope], sent: Sequence[tuple[int, int]]
    ) -> list[Result]:
        for envelope in envelopes:
            self._cache.drop((envelope.to.kind, envelope.to.id))
        if len(envelopes) > 1:
            await self._store.write((), sent)
            return [(await self.handle([envelope]))[0] for envelope in envelopes]
        return [await self._alone(envelopes[0], sent)]

    async def _alone(self, envelope: Envelope, sent: Sequence[tuple[int, int]]) -> Result:
        for _ in range(CONFLICTS_MAX):
            batch = await self._prepare([envelope])
            (result,) = self._handler.run(batch)
            try:
                await self._store.write([result.step] if result.step else [], sent)
            except VersionConflict:
                self._cache.drop((envelope.to.kind, envelope.to.id))
                continue
            except sqlite3.OperationalError:
                raise
            except Exception as error:
                buried = self._handler.bury(envelope, error)
                await self._store.write([buried.step] if buried.step else [], sent)
                return buried
            self._keep(batch)
            return result
        raise VersionConflict(f"{envelope.to} keeps moving")

    async def peek(self, kind: str, id: str) -> Live:
        """Return an entity as of its last event."""
        live = self._cache.get((kind, id))
        if live is None:
            memory = await self._store.read([], [(kind, id)], [], [])
            live = revive(self._handler.actors[kind], memory.pasts[kind, id])
        return live

    def _keep(self, batch: Batch) -> None:
        for key, live in batch.changed.items():
            self._cache.put(key, live)
        self._handler.notice_peers(batch)


def decode_outcome(outcome: bytes) -> dict[str, Any]:
    """Read an outcome as plain values."""
    decoded: dict[str, Any] = msgspec.json.decode(outcome)
    return decoded
