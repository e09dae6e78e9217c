"""The worker within the node: a node alone does what needs no files."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors.table import Table
from bus.client import Bus
from node.workers.pinging import Server, answer_pings, server_name
from node.workers.queues import REGISTRY, registry_source
from node.workers.runner import Runner
from node.workers.voice import Voice
from node.workers.worker import Start, Worker

HANDS = 16
"""How many workflows of registries are brought on at a time."""
FINISH_SECONDS = 1.0


class Own:
    """Does the work of the queue ``registry``, as ``covey worker registry`` does."""

    def __init__(
        self,
        bus: Bus,
        node: str,
        voice: Voice,
        tables: Iterable[Table],
        reach: Callable[[str], None],
    ) -> None:
        self._bus = bus
        self._node = node
        self._voice = voice
        self._runner = Runner(REGISTRY, tables, voice, reach=reach)
        self._worker: Worker | None = None

    async def open(self, start: Start) -> None:
        """Begin to work beside the node."""
        source = registry_source(self._node)
        self._worker = Worker(self._bus, source, HANDS, self._runner.advance, start)
        await self._worker.open()
        server = Server(server_name(), REGISTRY)
        start(answer_pings(self._bus, self._node, self._voice, server))

    async def stop(self) -> None:
        """Finish what is in hand."""
        if self._worker is not None:
            await self._worker.stop(FINISH_SECONDS)
