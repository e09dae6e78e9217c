"""One node of the simulated federation: the real parts of a node around a broker in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from bus.publisher import Outbound
from messages import subjects
from messages.base import encode
from messages.envelope import ACTOR, Address, Envelope, derive
from messages.peer import Connected, arrived
from node.alarms import due
from node.answers import Answers
from node.chores import QUEUES, Chores
from node.edge import Edge
from node.engine import Engine
from node.handle import Result
from node.handover import Handover
from node.intake import outcome_of
from node.relay import Relay, dress_sealed, dress_signed
from node.trail import CMD, EVT, TASK, out_lane
from node.workers.desk import Desk
from store.open import open_store
from store.queries import Filter, listing
from store.store import Store
from tests.sim.broker import Consumer, Stored, Stream
from tests.sim.parts import Crash, DirectIntake, NoLinks, Outside

LANES = (CMD, EVT, TASK)
RUNS = "execution"
"""The queue whose worker is outside of the node."""
PAUSED_MICROS = 5_000_000
FAILED_MICROS = 200_000
TAKE_MAX = 16
CALM_TAKE_MAX = 500


derive_arrival = derive
SECRET = b"the seal of all simulated nodes"


class Node:
    """A node that can crash at any named point and be started again from its file."""

    def __init__(self, name: str, directory: Path, outside: Outside, peers: Sequence[str]) -> None:
        self.name, self.peers = name, tuple(peers)
        self.path = directory / name / "covey.db"
        self.outside = outside
        self.streams = {lane: Stream() for lane in (*LANES, *map(out_lane, peers))}
        self.commands = Consumer(self.streams[CMD])
        self.tasks = Consumer(self.streams[TASK])
        self.acknowledged: dict[str, bytes] = {}
        """The outcomes that somebody was told, by the id of the message."""
        self.called: set[str] = set()
        """The ids of what operators said and waited for."""
        self.ears: dict[str, Consumer] = {}
        """What each peer says, as far as we have read it."""
        self.crash_at: tuple[str, int] | None = None
        """A named point, and how often it is passed before the crash."""
        self.is_up = False
        self._arrivals = 0
        self._edge = Edge(name, SECRET)

    @property
    def consumers(self) -> Sequence[Consumer]:
        """All that delivers to it."""
        return (self.commands, self.tasks, *self.ears.values())

    async def start(self) -> None:
        """Take up the work where it was left."""
        self._stack = AsyncExitStack()
        opened = open_store(self.path, synchronous="off", reach=self.reach)
        self.store: Store = await self._stack.enter_async_context(opened)
        actors = self.outside.actors
        self.engine = Engine(self.name, actors, self.store)
        found, _ = await listing(self.store, Filter(kind="peer"))
        self.engine.peers = frozenset(one.id for one in found if one.row.status in ("partner", "paused"))
        self.handover = Handover(self.engine, self._edge.order, lambda: self.outside.now)
        self.intake = DirectIntake(self.engine, self._relay, self.reach, self.handover)
        await self.handover.resume(self.store, [one.kind for one in actors], len(self.streams[CMD].messages))
        answers = Answers(self.engine, self.store, actors)
        parts: Any = (self.engine, self.store, self.intake, answers, NoLinks())
        self.chores = Chores(self.name, parts, actors, lambda: self.outside.now)
        self.relays = {"bus": self._relay_of(LANES)}
        self.desk = Desk(self.intake.note_sent, self.reach)
        self.relays["bus"].is_in_hand, self.desk.publish = self.desk.has, self.relays["bus"].give
        self.relays |= {peer: self._relay_of((out_lane(peer),)) for peer in self.peers}
        for consumer in self.consumers:
            consumer.end_session()
        self._looked = (0, 0)
        self.is_up = True

    async def stop(self) -> None:
        """Be gone: only the file and what the broker has remain."""
        if self.is_up:
            self.is_up, self.crash_at = False, None
            await self._stack.aclose()

    def reach(self, point: str) -> None:
        """Crash here if this is where it should happen."""
        if self.crash_at is None or self.crash_at[0] != point:
            return
        place, left = self.crash_at
        self.crash_at = (place, left - 1) if left else None
        if not left:
            raise Crash(point)

    # What can happen at this node; each returns whether it did anything.

    async def handle(self) -> bool:
        """Take some commands from the broker and handle them as one batch, or a few."""
        chosen = self._choose(self.commands)
        for message in chosen:
            if self.handover.is_done(message.id):
                self._ack(self.commands, message)
            else:
                self.intake.put(self._envelope(message), self._finish(self.commands, message))
        if chosen:
            await self.intake.work()
        self._say("handle", [f"{one.sequence}" for one in chosen])
        return bool(chosen)

    async def ring(self) -> bool:
        """Deliver the alarms whose instant has come."""
        looked = (self.outside.now, self.intake.handled)
        if looked == self._looked:
            return False
        envelopes = await due(self.store, self.outside.now)
        self._looked = looked
        for envelope in envelopes:
            self.intake.put(envelope, self._retry(envelope))
        if envelopes:
            await self.intake.work()
        self._say("ring", [f"{one.to}" for one in envelopes])
        return bool(envelopes)

    async def relay(self, to: str) -> bool:
        """Publish what waits: to our own bus, or for a peer."""
        relay = self.relays[to]
        if not relay._queue and relay._is_behind:
            await relay._load()
        count = len(relay._queue)
        if count:
            await relay._send()
            self._say(f"relay {to}", [str(count), str(len(relay._queue))])
        return bool(count)

    async def hear(self, peer: Node) -> bool:
        """Take some of what a peer says."""
        consumer = self.ears[peer.name]
        chosen = self._choose(consumer)
        for message in chosen:
            is_signed = message.headers.get(subjects.SIGNATURE) == peer.signature(message.body)
            receive = arrived(message.body, peer.key if is_signed else "")
            self.intake.put(
                self._from_outside(peer.name, "receive", receive), self._finish(consumer, message)
            )
        if chosen:
            await self.intake.work()
        self._say(f"hear {peer.name}", [f"{one.sequence}" for one in chosen])
        return bool(chosen)

    async def toil(self) -> bool:
        """Do one task that the node does itself."""
        chosen = [task for task in self._choose(self.tasks, 1) if self._is_ours(task)]
        for task in chosen:
            queue = task.subject.rpartition(".")[2]
            await self.chores.work[queue](task.headers[subjects.CE_ID], task.body)
            self._ack(self.tasks, task)
            self._say(f"task {queue}", [task.id])
        return bool(chosen)

    def _is_ours(self, task: Stored) -> bool:
        if task.subject.rpartition(".")[2] in QUEUES:
            return True
        self.tasks.ack(task.sequence)  # its worker is another program, which an operator plays
        return False

    async def overhear(self, peer: str, body: bytes, key: str) -> None:
        """Get bytes that the peer did not say to us, signed under this key or none."""
        await self.intake.call(self._from_outside(peer, "receive", arrived(body, key)))

    async def connected(self, peer: str) -> None:
        """Know that the link to a peer is up again."""
        await self.intake.call(self._from_outside(peer, "connected", Connected()))

    async def tell(self, to: Address, verb: str, command: Any) -> bytes:
        """Say what the node itself says; return the outcome."""
        return await self.intake.call(self._order(to, verb, command))

    async def call(self, envelope: Envelope) -> bytes:
        """Handle what an operator says and waits for."""
        self.called.add(envelope.id)
        outcome = await self.intake.call(envelope)
        self.acknowledged[envelope.id] = outcome
        return outcome

    @property
    def key(self) -> str:
        """The public half of what it signs with."""
        return f"key-of-{self.name}"

    def signature(self, body: bytes) -> str:
        """Return the signature of these bytes."""
        return derive(self.key, body.hex())

    def _relay_of(self, lanes: Sequence[str]) -> Relay:
        is_out = lanes[0] not in LANES
        dress = dress_signed(self.signature) if is_out else dress_sealed(SECRET)
        return Relay(self.store, lanes, (self._publish, dress), self.intake.note_sent, self.reach)

    async def _publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        return self.outside.weather.publish(self._stream, messages, self.outside.now)

    def _stream(self, message: Outbound) -> Stream:
        what, _, rest = message.subject.split(".", 2)[2].partition(".")
        return self.streams[f"out/{rest}" if what == "out" else what.upper()]

    def _relay(self, results: Sequence[Result]) -> None:
        rows = [out for result in results for out in result.outgoing]
        self._say_again([lane for result in results if result.step for lane, _ in result.step.repeat])
        self.relays["bus"].put(self.desk.offer(row for row in rows if row.lane in LANES))
        for peer in self.peers:
            self.relays[peer].put([row for row in rows if row.lane == out_lane(peer)])

    def _choose(self, consumer: Consumer, most: int = 0) -> list[Stored]:
        weather = self.outside.weather
        most = most or (CALM_TAKE_MAX if weather.is_calm else TAKE_MAX)
        chosen = weather.pick(consumer.waiting(self.outside.now), most)
        consumer.take(chosen)
        return chosen

    def _envelope(self, message: Stored) -> Envelope:
        id = message.id or derive_arrival(self.name, message.sequence)
        arrival = (lambda: id, message.at, self.commands.attempts[message.sequence])
        headers = message.headers | {subjects.MESSAGE_ID: id}
        return self._edge.envelope(message.subject, headers, message.body, arrival)

    def _finish(self, consumer: Consumer, message: Stored) -> Callable[[Result], Any]:
        async def finish(result: Result) -> None:
            now = self.outside.now
            if not result.outcome:
                consumer.nak(message.sequence, now + FAILED_MICROS)
            elif outcome_of(result.outcome).code == "peer_paused":
                consumer.nak(message.sequence, now + PAUSED_MICROS)
            else:
                self.acknowledged[result.envelope.id] = result.outcome
                if consumer is self.commands:
                    pending = len(consumer.waiting(now))
                    self.handover.heard(result.envelope.to, result.envelope.id, message.sequence, pending)
                self._ack(consumer, message)

        return finish

    def _ack(self, consumer: Consumer, message: Stored) -> None:
        if self.outside.weather.strikes(0.08):
            consumer.nak(message.sequence, self.outside.now)  # the acknowledgement is lost
        else:
            consumer.ack(message.sequence)

    def _retry(self, envelope: Envelope) -> Callable[[Result], Any]:
        async def finish(result: Result) -> None:
            if not result.outcome:
                again = msgspec.structs.replace(envelope, attempt=result.envelope.attempt + 1)
                self.intake.put(again, self._retry(again))

        return finish

    def _say_again(self, lanes: Sequence[str]) -> None:
        for lane in lanes:
            self.relays[lane.removeprefix("out/")].look_again()

    def _from_outside(self, peer: str, verb: str, command: Any) -> Envelope:
        return self._order(Address("peer", peer), verb, command)

    def _order(self, to: Address, verb: str, command: Any) -> Envelope:
        self._arrivals += 1
        id = f"arrival-{self.name}-{self._arrivals}"
        return Envelope(id=id, to=to, verb=verb, body=encode(command), at=self.outside.now, sender=ACTOR)

    def _say(self, what: str, which: Iterable[str]) -> None:
        said = " ".join(which)
        if said:
            self.outside.tell(f"{self.name} {what}: {said}")
