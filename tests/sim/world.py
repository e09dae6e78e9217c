"""The simulated federation: one seed decides who does what next, and what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from actors import ACTORS
from actors.actor import Actor
from bus.publisher import Outbound
from messages import subjects
from messages.envelope import Address, Envelope, micros
from messages.peer import Meet
from node.fault import DESK_POINTS
from node.trail import out_lane
from tests.sim import workload
from tests.sim.broker import Consumer, Weather
from tests.sim.node import Node
from tests.sim.parts import Crash
from tests.sim.report import stage

NAMES = ("observatory", "lab", "centre")
BEGIN = micros(datetime(2026, 11, 2, 8, tzinfo=UTC))
SECOND = 1_000_000
STORMS = 2
COMMANDS = 14
"""How much operators say in each storm."""
TICKS_MAX = 2_000
SETTLE_MICROS = 18 * 60 * SECOND
"""Longer than a digest is apart, and than an owner holds what is not confirmed."""
QUIET_MICROS = 10 * SECOND
"""At the end nothing may be due for so long: an acknowledgement is about to be said."""
ROUNDS_MAX = 3_000
CRASH_POINTS = (
    *("fetched", "begun", "written", "before_commit"),
    *("after_commit", "before_ack", "after_ack", "mid_relay"),
    *DESK_POINTS,
)


Act = Callable[[], Awaitable[object]]


class NotQuiet(Exception):
    """The federation does not come to rest."""


class World:
    """Three nodes, a clock, and the seed."""

    made_of: type[Node] = Node

    def __init__(self, seed: int, directory: Path, actors: Sequence[Actor[Any, Any, Any]] = ACTORS) -> None:
        self.random = Random(seed)
        self.weather = Weather(self.random)
        self.actors = tuple(actors)
        self.now = BEGIN
        self.lines: list[str] = []
        self.keeps_lines = False
        self.cut: set[tuple[str, str]] = set()
        """Who cannot hear whom."""
        self.said = 0
        self._digest = blake2b(digest_size=16)
        self.nodes = {
            name: self.made_of(name, directory, self, [peer for peer in NAMES if peer != name])
            for name in NAMES
        }
        for node in self.nodes.values():
            lanes = {peer: self.nodes[peer].streams[out_lane(node.name)] for peer in node.peers}
            node.ears = {peer: Consumer(stream) for peer, stream in lanes.items()}

    def tell(self, line: str) -> None:
        """Note a line of the trace."""
        self._digest.update(f"{self.now} {line}\n".encode())
        if self.keeps_lines:
            self.lines.append(f"{(self.now - BEGIN) / SECOND:10.3f} {line}")

    @property
    def digest(self) -> str:
        """Return what tells two traces apart."""
        return self._digest.hexdigest()

    async def storm(self) -> None:
        """Let the nodes meet, be told things, and fail at them."""
        await self._begin()
        for number in range(1, STORMS + 1):
            await self._start_all()
            await self._drain(self.now, quiet=0)  # so that the next storm finds something that stands
            self.weather.is_calm = False
            for _ in range(TICKS_MAX):
                if self.said >= COMMANDS * number:
                    break
                await self._tick()

    async def rest(self) -> None:
        """End all faults and wait until nothing more happens."""
        await self._calm_down()
        for node in self.nodes.values():
            for message in (one for stream in node.streams.values() for one in stream.messages):
                self._digest.update(message.id.encode() + message.body)

    async def close(self) -> None:
        """Stop all nodes."""
        for node in self.nodes.values():
            await node.stop()

    async def _begin(self) -> None:
        for node in self.nodes.values():
            await node.start()
        for node in self.nodes.values():
            for peer in node.peers:
                meet = Meet(url=f"nats://{peer}", public_key=self.nodes[peer].key)
                await node.tell(Address("peer", peer), "meet", meet)
        for node in self.nodes.values():
            for line in workload.resources(node.name):
                await self._say(node, line)
        await self._drain(self.now + 2 * SECOND)

    async def _tick(self) -> None:
        weights, acts = zip(*self._choices(), strict=True)
        act: Act = self.random.choices(acts, weights)[0]
        await act()

    def _choices(self) -> list[tuple[float, Act]]:
        choices: list[tuple[float, Act]] = [
            (1.5, self._operate),
            (1.0, self._pass_time),
            (0.25, self._cut_or_heal),
            (0.2, self._forge),
        ]
        for node in self.nodes.values():
            choices += self._choices_of(node) if node.is_up else [(1.5, partial(self._restart, node))]
        return choices

    def _choices_of(self, node: Node) -> list[tuple[float, Act]]:
        def guarded(act: Act) -> Act:
            return partial(self._risk, node, act)

        choices: list[tuple[float, Act]] = [
            (0.35, partial(self._arm, node)),
            (0.6, guarded(node.ring)),
            (3.0, guarded(partial(node.relay, "bus"))),
        ]
        if node.commands.waiting(self.now):
            choices.append((5.0, guarded(node.handle)))
        if node.tasks.waiting(self.now):
            choices.append((1.5, guarded(node.toil)))
        for peer in node.peers:
            choices.append((1.2, guarded(partial(node.relay, peer))))
            if (node.name, peer) not in self.cut and node.ears[peer].waiting(self.now):
                choices.append((2.5, guarded(partial(node.hear, self.nodes[peer]))))
        return choices

    async def _risk(self, node: Node, act: Act) -> bool:
        """Do it; a crash on the way ends the node, not the world."""
        try:
            return bool(await act())
        except Crash as crash:
            self.tell(f"{node.name} crash {crash}")
            await node.stop()
            return True

    async def _arm(self, node: Node) -> None:
        node.crash_at = (self.random.choice(CRASH_POINTS), self.random.randint(0, 2))

    async def _restart(self, node: Node) -> None:
        self.tell(f"{node.name} start")
        await node.start()

    async def _operate(self) -> None:
        node = self.nodes[self.random.choice(NAMES)]
        for line in workload.draw(self.random, self.now, node, self.nodes):
            self.said += 1
            await self._risk(node, partial(self._say, node, line))

    async def _say(self, node: Node, line: workload.Line) -> None:
        """Say it as an operator, on the durable subject or waiting for the outcome."""
        id = "" if self.weather.strikes(0.2) else f"operator-{node.name}-{self.said}-{line.verb}-{line.id}"
        self.tell(f"{node.name} operator {line.kind}.{line.id}.{line.verb} {line.body!r}")
        if id and node.is_up and self.weather.strikes(0.25):
            to = Address(line.kind, line.id)
            await node.call(Envelope(id=id, to=to, verb=line.verb, body=line.body, at=self.now, is_call=True))
            return
        subject = subjects.command(node.name, line.kind, line.id, line.verb)
        for _ in range(2 if id and self.weather.strikes(0.1) else 1):
            node.streams["CMD"].store(Outbound(subject, id, {}, line.body), self.now)

    async def _pass_time(self) -> None:
        coming = await self._next_alarm() if self.random.random() < 0.12 else None
        mean = 60 * SECOND if self.random.random() < 0.25 else 4 * SECOND
        later = self.now + int(self.random.expovariate(1 / mean))
        self.now = max(self.now + 1, later if coming is None else min(coming, self.now + 300 * SECOND))

    async def _next_alarm(self) -> int | None:
        alarms = [await node.store.next_alarm() for node in self.nodes.values() if node.is_up]
        offers = [one.next_offer() for node in self.nodes.values() for one in node.consumers]
        return min((at for at in (*alarms, *offers) if at is not None), default=None)

    async def _cut_or_heal(self) -> None:
        node = self.nodes[self.random.choice(NAMES)]
        peer = self.random.choice(node.peers)
        if (node.name, peer) not in self.cut:
            self.cut.add((node.name, peer))
        elif node.is_up:
            await self._heal(node, peer)

    async def _heal(self, node: Node, peer: str) -> None:
        self.cut.discard((node.name, peer))
        await self._risk(node, partial(node.connected, peer))

    async def _forge(self) -> None:
        """Let a node get bytes that nobody said, or that were said to another."""
        node = self.nodes[self.random.choice(NAMES)]
        peer = self.nodes[self.random.choice(node.peers)]
        other = next(name for name in NAMES if name not in (node.name, peer.name))
        lane, key = self.random.choice([(out_lane(node.name), ""), (out_lane(other), peer.key)])
        said = peer.streams[lane].messages
        if node.is_up and said:
            body = self.random.choice(said).body
            if not key:
                body = body.replace(b'"at":"2026', b'"at":"2027')
            await self._risk(node, partial(node.overhear, peer.name, body, key))

    async def _calm_down(self) -> None:
        await self._start_all()
        for reader, peer in sorted(self.cut):
            await self._heal(self.nodes[reader], peer)
        for node in self.nodes.values():
            for peer in node.peers:
                await self._say(node, workload.Line("peer", peer, "resume", b"{}"))
        await self._drain(self.now + SETTLE_MICROS)

    async def _start_all(self) -> None:
        self.weather.is_calm = True
        self.tell("calm")
        for node in self.nodes.values():
            node.crash_at = None
            if not node.is_up:
                await node.start()

    async def _drain(self, until: int, quiet: int = QUIET_MICROS) -> None:
        for _ in range(ROUNDS_MAX):
            if await self._round():
                continue
            coming = await self._next_alarm()
            if coming is None or coming > max(until, self.now + quiet):
                self.now = max(self.now, until)
                for node in self.nodes.values():
                    await node.intake.work()
                return
            self.now = max(self.now, coming)
        raise NotQuiet(f"there is still something to do after {ROUNDS_MAX} rounds")

    async def _round(self) -> bool:
        """Let every node do all that it can do now; say whether anything was done."""
        done = False
        for node in self.nodes.values():
            for act in (node.handle, node.ring, node.toil, partial(node.relay, "bus")):
                done |= await act()
            for peer in node.peers:
                done |= await node.relay(peer)
                done |= await node.hear(self.nodes[peer])
        return done


@asynccontextmanager
async def world(seed: int, actors: Sequence[Actor[Any, Any, Any]] = ACTORS) -> AsyncIterator[World]:
    """Make a world in a directory of its own."""
    with stage() as directory:
        made = World(seed, directory, actors)
        try:
            yield made
        finally:
            await made.close()
