"""The stage: nodes, each a process with its own NATS server and its own data, and who operates them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bus.client import Heard
from cli.client import Client, connected
from cli.demo.program import Program, Unexpected
from messages import subjects

WAIT_SECONDS = 30.0


@dataclass
class Player:
    """One organisation: its process, and its operator who hears every event."""

    name: str
    data: Path
    words: tuple[str, ...] = ()
    """What else the node is started with."""
    client: Client | None = None
    events: AsyncIterator[Heard] | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        words = ("up", "--node", self.name, "--data", str(self.data), *self.words)
        self.node = Program(self.name, words, self.data.parent / f"{self.name}.log")

    async def start(self) -> None:
        """Start the node and connect to it; the data stay from one start to the next."""
        await self.node.start()
        self._stack = AsyncExitStack()
        self.client = await self._stack.enter_async_context(connected(self.data, WAIT_SECONDS))
        self.events = await self.client.bus.subscribe(subjects.every(self.name, "evt"))

    async def kill(self) -> None:
        """Kill the node as a power cut would."""
        await self.node.kill()
        await self._stack.aclose()

    async def stop(self) -> None:
        """Stop the node and wait for it."""
        await self._stack.aclose()
        await self.node.stop()

    async def ask(self, kind: str, query: str, **body: Any) -> dict[str, Any]:
        """Ask the node a question."""
        assert self.client is not None
        return await self.client.ask(kind, query, body)

    async def items(self, kind: str, **body: Any) -> list[dict[str, Any]]:
        """Return all that a listing shows."""
        items: list[dict[str, Any]] = (await self.ask(kind, "list", limit=500, **body))["items"]
        return items

    async def until(
        self, question: Callable[[], Awaitable[Any]], fits: Callable[[Any], bool], what: str
    ) -> Any:
        """Ask again at each event that the node tells, until the answer fits."""
        assert self.events is not None
        answer = await question()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not fits(answer):
                    await anext(self.events)
                    answer = await question()
        except TimeoutError:
            raise Unexpected(
                f"{self.name}: {what} did not come within {WAIT_SECONDS:g} s: {answer}"
            ) from None
        return answer


@asynccontextmanager
async def stage(directory: Path, *names: str, words: tuple[str, ...] = ()) -> AsyncIterator[list[Player]]:
    """Start a node for each name, side by side; stop them all at the end."""
    players = [Player(name, directory / name, words) for name in names]
    try:
        await asyncio.gather(*(player.start() for player in players))
        yield players
    finally:
        await asyncio.gather(*(player.stop() for player in players))


async def introduce(host: Player, guest: Player) -> None:
    """Let two nodes meet: the host invites, the guest accepts."""
    token = (await host.ask("node", "invite", peer=guest.name))["token"]
    await guest.ask("node", "accept", token=token)
    for one, other in ((host, guest), (guest, host)):
        await one.until(
            lambda one=one, other=other: one.ask("peer", "get", id=other.name),  # type: ignore[misc]
            lambda peer: peer["state"] == "partner" and peer["last_received"] > 0,
            f"the first word of {other.name}",
        )
