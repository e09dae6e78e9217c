"""What a node has told: its stream of events from the beginning, until it holds what a test waits for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from messages import subjects
from tests.fault.process import AGAIN_SECONDS, NODE, SECONDS, NodeProcess


class Told:
    """The events of the stream, oldest first."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        """The message id of each event."""
        self.types: Counter[str] = Counter()
        """How many events there are of each type, such as ``workflow.saved``."""
        self._more = asyncio.Event()

    async def hear(self, message: Msg) -> None:
        kind, _, name = message.subject.split(".")[3:]
        self.ids.append((message.headers or {})[subjects.MESSAGE_ID])
        self.types[f"{kind}.{name}"] += 1
        self._more.set()

    async def until(self, fits: Callable[[Told], bool]) -> None:
        """Return when what was told fits."""
        try:
            async with asyncio.timeout(SECONDS):
                while not fits(self):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"until now it has told {dict(self.types)}") from None

    async def until_types(self, types: dict[str, int]) -> None:
        """Return when there are so many events of each of these types."""
        await self.until(lambda told: all(told.types[type_] >= count for type_, count in types.items()))


@asynccontextmanager
async def told(node: NodeProcess) -> AsyncIterator[Told]:
    """Read the events of a node that runs, as long as its server lives."""
    seed = str(node.data / "keys" / "operator.seed")
    client = await nats.connect(node.url, nkeys_seed=seed, allow_reconnect=False, error_cb=_pass)
    try:
        told = Told()
        await _subscribe(client.jetstream(), told)
        yield told
    finally:
        await client.close()


async def _subscribe(stream: JetStreamContext, told: Told) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await stream.subscribe(subjects.every(NODE, "evt"), ordered_consumer=True, cb=told.hear)
                return
            except NotFoundError:  # the server was wiped, and the node has not made its streams anew yet
                await asyncio.sleep(AGAIN_SECONDS)


async def _pass(_error: Exception) -> None:
    return
