"""Two hundred holds for one free slot, from two nodes at once: one of them has it, in every round."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bus.client import Heard
from bus.keys import seal
from bus.publisher import Outbound
from messages import subjects
from messages.base import encode
from messages.envelope import ACTOR
from node.home import open_home
from tests.fault.load import compute
from tests.nodes import Operator, federation

ROUNDS = 50
HOLDS = 100
"""From each of the two nodes."""
SECONDS = 20.0
FIRST = datetime(2040, 1, 1, tzinfo=UTC)
OWNER, PEER = "acme", "lab"


class Book:
    """What the owner has told: of holds, by round, and of what its gateway received."""

    def __init__(self) -> None:
        self.winners: dict[int, list[str]] = {}
        self.judged: Counter[int] = Counter()
        self.received = 0
        self._more = asyncio.Event()

    async def listen(self, events: AsyncIterator[Heard]) -> None:
        """Note who has which slot, which holds were refused, and what came from the peer."""
        async for event in events:
            kind, _, name = event.subject.split(".")[3:]
            self.received += (kind, name) == ("peer", "received")
            if kind == "booking":
                self._judge(name, json.loads(event.body))
            self._more.set()

    def _judge(self, name: str, body: dict[str, Any]) -> None:
        if name == "held":
            number = int(body["slots"][0]["execution"])
            self.winners.setdefault(number, []).append(body["node"])
        else:
            assert body["code"] == "booking_refused", body
            number = int(body["extra"]["conflicts"][0]["execution"])
        self.judged[number] += 1

    async def until_arriving(self, number: int) -> None:
        """Return at once, when the peer's first hold has arrived, or when it is judged, in turns by round."""
        before = self.received
        if number % 3 == 1:
            await self._until(lambda: self.received > before)
        elif number % 3 == 2:
            await self._until(lambda: self.judged[number] > 0)

    async def until_judged(self, number: int) -> None:
        await self._until(lambda: self.judged[number] >= 2 * HOLDS)

    async def _until(self, fits: Any) -> None:
        async with asyncio.timeout(SECONDS):
            while not fits():
                self._more.clear()
                await self._more.wait()


def hold(number: int, workflow: str) -> dict[str, Any]:
    start = FIRST + timedelta(hours=number)
    slot = {"execution": str(number), "start": start, "end": start + timedelta(hours=1)}
    return {"workflow": workflow, "generation": 1, "slots": [slot], "until": FIRST + timedelta(days=900)}


async def hold_here(owner: Operator, number: int) -> None:
    """Ask the owner itself, as so many workflows of its own."""
    async with asyncio.TaskGroup() as group:
        for one in range(HOLDS):
            headers = {subjects.MESSAGE_ID: f"here-{number}-{one}"}
            group.create_task(
                owner.call("booking", "hpc", "hold", headers, **hold(number, f"here-{number}-{one}"))
            )


async def hold_there(peer: Operator, number: int, secret: bytes) -> None:
    """Let the peer's gateway say the same to the owner, as if workflows of the peer had ordered it."""
    subject = subjects.command(PEER, "peer", OWNER, "send")
    sends = []
    for one in range(HOLDS):
        id = f"there-{number}-{one}"
        words = {"to": {"kind": "booking", "id": "hpc"}, "verb": "hold", "body": hold(number, id), "id": id}
        headers = {subjects.SENDER: ACTOR}
        body = encode(words | {"correlation": id, "cause": id})
        headers[subjects.SEAL] = seal(secret, f"send-{id}", subject, headers, body)
        sends.append(Outbound(subject, f"send-{id}", headers, body))
    await peer.bus.publish(sends)


@asynccontextmanager
async def reading(owner: Operator) -> AsyncIterator[Book]:
    book = Book()
    listening = asyncio.create_task(book.listen(await owner.bus.subscribe(subjects.every(OWNER, "evt"))))
    try:
        yield book
    finally:
        listening.cancel()


async def test_of_two_hundred_holds_from_two_nodes_one_wins_in_each_round(tmp_path: Path) -> None:
    async with federation(tmp_path, OWNER, PEER) as (owner, peer):
        secret = open_home(tmp_path / PEER, PEER).seal_secret()
        await owner.done("resource", "hpc", "save", public=True, **compute("hpc", 1))
        await owner.event("booking.opened", "hpc")

        async with reading(owner) as book:
            for number in range(ROUNDS):
                async with asyncio.TaskGroup() as both:
                    both.create_task(hold_there(peer, number, secret))
                    await book.until_arriving(number)  # the peer's way is longer, so it gets a start
                    both.create_task(hold_here(owner, number))
                await book.until_judged(number)

    assert {number: len(nodes) for number, nodes in book.winners.items()} == dict.fromkeys(range(ROUNDS), 1)
    assert book.judged == dict.fromkeys(range(ROUNDS), 2 * HOLDS)
    assert {node for nodes in book.winners.values() for node in nodes} == {OWNER, PEER}
