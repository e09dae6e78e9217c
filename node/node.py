"""A node: everything that runs side by side, and how it starts and stops."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from actors.actor import Actor, Rejected
from bus.connection import Bus, Heard
from bus.consumer import Consumer, Delivery
from bus.streams import COMMANDS, HEARD, TASKS, USERS, settings, users_settings
from bus.tasks import end
from messages import subjects
from messages.envelope import OPERATOR, Envelope, derive
from node.alarms import NEVER, Bell, ring
from node.answers import Answers, Asker, refusal
from node.chores import QUEUES, Chores
from node.edge import Edge
from node.engine import Engine
from node.events import EMITTED, Events, Hear
from node.guests import Guests
from node.handle import ATTEMPTS, Result
from node.handover import Handover
from node.intake import Intake
from node.jobs.worker import JOBS
from node.links import Links
from node.operate import Operations
from node.proof import proven
from node.questions import Questions
from node.relay import Relay
from node.trail import CMD, EVT, TASK
from node.workers import running
from node.workers.desk import Desk
from node.workers.own import Own
from node.workers.queues import REGISTRY
from store.queries import Filter, listing
from store.step import Outgoing
from store.store import Store

LANES = (CMD, EVT, TASK)
WORKER_QUEUES = ("execution",)
"""Queues whose workers are other programs."""
RETRY_SECONDS = 0.2
"""How long a message that failed waits before it is tried again, doubled each time."""
STOP_SECONDS = 8.0
PRUNE_SECONDS = 3600.0
KEEP_DAYS = 8
"""Longer than the broker keeps messages, so that a repeat is always known."""
PRUNE_ROWS = 5_000
PEERS_MAX = 500

_LOG = logging.getLogger("covey")


def clock() -> int:
    """Return the present instant in microseconds since 1970."""
    return time.time_ns() // 1000


def new_id() -> str:
    """Return the id of a message that came without one and is in no stream."""
    return uuid.uuid4().hex


def report(error: Exception) -> None:
    """Log an error that nobody waits for."""
    _LOG.warning("%s: %s", type(error).__name__, error)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a node is made of."""

    name: str
    actors: Sequence[Actor[Any, Any, Any]]
    store: Store
    bus: Bus
    engine: Engine
    intake: Intake
    relay: Relay
    links: Links
    answers: Answers
    operations: Operations
    chores: Chores
    questions: Questions
    edge: Edge
    handover: Handover
    desk: Desk
    own: Own | None = None
    """The worker within the node; None: other processes do its work."""
    events: Events
    """Lets CloudEvents begin runs, and be heard by those that listen."""
    hearers: list[Callable[[Sequence[Outgoing]], None]] = field(default_factory=list)
    """Who in the node hears what was committed."""


class Node:
    """The running node."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._consumers: list[Consumer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._epoch = ""
        """When the stream of commands was made: its sequences begin anew with it."""
        self._users_epoch = ""
        """The same of that of users."""
        self._healing: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._bell = Bell()

    @property
    def streams(self) -> Any:
        """The streams that this node needs."""
        return stream_settings(self._parts.name, self._parts.actors, vouches=self._vouches)

    @property
    def _vouches(self) -> bool:
        """Whether users have connections of their own: the server is ours, and knows them."""
        return self._parts.links.server is not None

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Take up the work where it was left; return when the node is ready."""
        parts = self._parts
        for line in await parts.bus.ensure(self.streams):
            _LOG.warning("the stream setting %s", line)
        await self.heal()
        parts.engine.peers = await self._peers()
        ringing = ring(parts.store, clock, self._ring, self._bell)
        for work in (parts.intake.run(), parts.intake.screen(), parts.relay.run(), ringing, self._prune()):
            self._run(group, work)
        await parts.events.load(parts.store, parts.engine)
        await parts.chores.begin()
        await parts.chores.relink_all()
        await self._consume(group)
        if parts.own is not None:
            await parts.own.open(partial(self._run, group))
        vouches = self._vouches
        if vouches:
            guests = Guests(lambda: parts.engine.rights, parts.links.tell_of_users)
            parts.hearers.append(guests.hear)
            self._run(group, guests.run(report))
        await parts.bus.serve_calls(parts.name, self._call, vouches=vouches)
        await parts.bus.serve_asks(parts.name, self._ask, vouches=vouches)

    async def stop(self) -> None:
        """Take nothing new, finish and publish what was taken."""
        self._is_stopping = True
        self._parts.engine.waiting.close()
        self._end_healing()
        if self._parts.own is not None:
            await self._parts.own.stop()
        for consumer in self._consumers:
            await consumer.stop()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._parts.intake.wait_empty()
                await self._parts.relay.wait_idle()
                await self._parts.intake.wait_empty()
        except TimeoutError:
            _LOG.warning("not all was published in %s s; the next start goes on with it", STOP_SECONDS)
        await self._parts.links.close()
        await self._parts.bus.drain()
        await end(self._tasks)

    async def heal(self) -> None:
        """Send again what a broker that was emptied, or is shorter than it was, has lost."""
        parts, newest = self._parts, 0
        parts.relay.look_again()  # what is under way is not noted any more
        await parts.intake.write_notes()
        for lane in LANES:
            state = await parts.bus.stream_state(lane)
            if state is None:
                continue
            if lane == COMMANDS:
                self._epoch, newest = state.created, state.last
            known = await parts.store.meta(f"stream.{lane}")
            last = state.last if known in (None, state.created) else 0
            lost = await parts.store.lost(lane, last)
            await parts.store.note(f"stream.{lane}", state.created)
            if lost:
                _LOG.warning("the broker lost %d messages of %s; they are sent again", lost, lane)
        users = await parts.bus.stream_state(USERS) if self._vouches else None
        self._users_epoch = "" if users is None else f"{USERS}/{users.created}"
        await parts.handover.resume(parts.store, (actor.kind for actor in parts.actors), newest)
        parts.relay.look_again()
        parts.relay.go_on()

    def reconnected(self, group: asyncio.TaskGroup) -> None:
        """Find out, beside all else, what the server holds after it was away."""
        self._end_healing()  # it may wait for an answer over a connection that is gone
        if not self._is_stopping:
            self._healing = self._run(group, self._take_up_again())

    def _run(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something run beside all else until it or the node ends."""
        task = group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _end_healing(self) -> None:
        healing, self._healing = self._healing, None
        if healing is not None:
            healing.cancel()

    async def _take_up_again(self) -> None:
        parts = self._parts
        while self._healing is asyncio.current_task():  # the library may lose a cancellation
            try:
                await parts.bus.ensure(self.streams)
                await self.heal()
                await parts.bus.rewind()
                return
            except Exception as error:
                report(error)
                await asyncio.sleep(RETRY_SECONDS)

    def relay(self, results: Sequence[Result]) -> None:
        """Publish what a batch has left, and what a peer asked for again."""
        rows = [out for result in results for out in result.outgoing]
        repeated = [lane for result in results if result.step for lane, _ in result.step.repeat]
        self._parts.links.say_again(repeated)
        self._parts.relay.put(self._parts.desk.offer(row for row in rows if row.lane in LANES))
        self._parts.links.put(rows)
        self._parts.questions.hear(rows)
        for result in results:
            if result.step is not None and result.step.alarms:
                self._bell.note(
                    min((at for at in result.step.alarms.values() if at is not None), default=NEVER)
                )
        for hear in self._parts.hearers:
            hear(rows)

    async def _consume(self, group: asyncio.TaskGroup) -> None:
        bus = self._parts.bus
        for actor in self._parts.actors:
            consumer = await bus.consume(COMMANDS, actor.kind, is_only_reader=True, on_delivery=self._command)
            self._consumers.append(consumer)
        if self._vouches:
            heard = await bus.consume(USERS, HEARD, is_only_reader=True, on_delivery=self._spoken)
            self._consumers.append(heard)
        for queue in QUEUES:

            def take(delivery: Delivery, queue: str = queue) -> None:
                self._run(group, self._task(queue, delivery))

            consumer = await bus.consume(TASKS, queue, buffer=16, is_only_reader=True, on_delivery=take)
            self._consumers.append(consumer)
        for (stream, durable), hear in self._parts.events.sources.items():

            def heed(delivery: Delivery, hear: Hear = hear) -> None:
                self._run(group, self._worked(hear(delivery), delivery))

            consumer = await bus.consume(stream, durable, buffer=16, is_only_reader=True, on_delivery=heed)
            self._consumers.append(consumer)

    def _command(self, delivery: Delivery) -> None:
        handover, place = self._parts.handover, (delivery.sequence, delivery.pending)
        if handover.is_done(delivery.headers.get(subjects.MESSAGE_ID, "")):
            delivery.say_ack()
            return
        self._take(delivery, self._epoch, lambda envelope: handover.heard(envelope.to, envelope.id, *place))

    def _spoken(self, delivery: Delivery) -> None:
        """Take what a user has said over a connection of its own."""
        self._take(delivery, self._users_epoch, lambda _envelope: None)

    def _take(self, delivery: Delivery, epoch: str, heard: Callable[[Envelope], None]) -> None:
        make_id = partial(derive, epoch, delivery.sequence)
        arrival = (make_id, delivery.at, delivery.attempts)
        envelope = self._parts.edge.envelope(delivery.subject, delivery.headers, delivery.body, arrival)

        async def finish(result: Result) -> None:
            if result.outcome:
                heard(envelope)
                await delivery.ack()
            else:
                await delivery.nak(RETRY_SECONDS * 2 ** min(delivery.attempts, ATTEMPTS))

        self._parts.intake.put(envelope, finish, delivery.working)

    def unknown(self, heard: Heard) -> None:
        """Keep a command of a kind that nobody knows as a dead letter."""
        arrival = (new_id, clock(), 1)
        envelope = self._parts.edge.envelope(heard.subject, heard.headers, heard.body, arrival)

        async def finish(_result: Result) -> None:
            return

        self._parts.intake.put(envelope, finish)

    async def _call(self, subject: str, headers: dict[str, str], body: bytes) -> bytes:
        arrival = (new_id, clock(), 1)
        return await self._parts.intake.call(self._parts.edge.envelope(subject, headers, body, arrival))

    async def _ask(self, subject: str, headers: dict[str, str], body: bytes) -> bytes:
        question = subjects.parse_ask(subjects.plain(subject))
        kind, id, query = question or ("", "", "")
        now = clock()
        proof = proven(subject, headers, body, now)
        if proof.fault is not None:
            return refusal(kind, id, Rejected(*proof.fault))
        sender = self._parts.engine.rights.sender(proof.of) if proof.of else OPERATOR
        asker = Asker(now, sender)
        if kind == "node":
            return await self._parts.operations.answer(query, body, asker)
        return await self._parts.answers.reply((kind, id, query), body, asker)

    async def _task(self, queue: str, delivery: Delivery) -> None:
        id = delivery.headers.get(subjects.CE_ID, derive(self._epoch, delivery.sequence))
        await self._worked(self._parts.chores.work[queue](id, delivery.body), delivery)

    async def _worked(self, work: Awaitable[None], delivery: Delivery) -> None:
        """Acknowledge what was done; what fails is tried again."""
        try:
            await work
        except Exception as error:
            report(error)
            await delivery.nak(RETRY_SECONDS * 2 ** min(delivery.attempts, 8))
            return
        await delivery.ack()

    def _ring(self, envelope: Envelope) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def finish(result: Result) -> None:
            if result.outcome:
                done.set_result(None)
            else:
                again = msgspec.structs.replace(envelope, attempt=result.envelope.attempt + 1)
                self._parts.intake.put(again, finish)

        self._parts.intake.put(envelope, finish)
        return done

    async def _peers(self) -> frozenset[str]:
        found, _ = await listing(self._parts.store, Filter(kind="peer", limit=PEERS_MAX))
        return frozenset(peer.id for peer in found if peer.row.status in ("partner", "paused"))

    async def _prune(self) -> None:
        while True:
            before = clock() - KEEP_DAYS * 24 * 3600 * 1_000_000
            if await self._parts.store.prune(before, PRUNE_ROWS) < PRUNE_ROWS:
                await asyncio.sleep(PRUNE_SECONDS)


def stream_settings(node: str, actors: Sequence[Actor[Any, Any, Any]], *, vouches: bool = False) -> Any:
    """Return the streams and consumers of a node with these actors."""
    kinds = [actor.kind for actor in actors]
    heard = {EMITTED: subjects.event(node, "run", "*", EMITTED)}
    own = settings(node, kinds, [*QUEUES, *WORKER_QUEUES], [REGISTRY, JOBS, *running.QUEUES], heard)
    return (*own, users_settings(node, kinds)) if vouches else own
