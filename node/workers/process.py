"""A worker process: it reads one or more consumers of a node's tasks until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from actors.ephemeral.table import Table
from bus.client import Bus
from bus.signing import Speak, unsigned
from bus.streams import ConsumerSettings
from bus.tasks import end
from node.calls.outside import Outside
from node.fault import planted
from node.jobs.means import Means
from node.jobs.worker import Jobs
from node.jobs.worker import source as job_source
from node.workers.jobs import RETRY_SECONDS_FIRST, FilesJobs
from node.workers.pinging import Server, answer_pings
from node.workers.prefixes import Prefix
from node.workers.queues import FILES, REGISTRY, files_source, registry_source
from node.workers.runner import Runner
from node.workers.running import Running, source
from node.workers.voice import BusVoice
from node.workers.worker import Do, Worker, advancing

Duty = tuple[ConsumerSettings, Do]
"""A consumer of tasks, and what does them."""


class Cut(Exception):
    """The connection has ended for good."""


class Process:
    """What runs in a worker process."""

    def __init__(
        self, bus: Bus, node: str, server: Server, tables: Sequence[Table], speak: Speak = unsigned
    ) -> None:
        self._bus = bus
        self._node = node
        self._server = server
        self._tables = tables
        self._voice = BusVoice(bus, node, speak)
        self._reach = planted()
        self._running: Running | None = None
        self._jobs: Jobs | None = None

    def registry(self) -> list[Duty]:
        """Return the work of a registry worker."""
        runner = Runner(REGISTRY, self._tables, self._voice, reach=self._reach)
        return [(registry_source(self._node), advancing(runner.advance))]

    def files(
        self, prefixes: Sequence[Prefix], shadows: Path, retry_seconds: float = RETRY_SECONDS_FIRST
    ) -> list[Duty]:
        """Return the work of a files worker: each prefix has its own queue, and leaves deeper ones theirs."""
        duties = []
        for prefix in prefixes:
            nested = [one for one in prefixes if one is not prefix and prefix.holds(one.global_root)]
            jobs = FilesJobs(
                prefix=prefix,
                nested=nested,
                shadows=shadows,
                voice=self._voice,
                reach=self._reach,
                retry_seconds=retry_seconds,
            )
            runner = Runner(FILES, self._tables, self._voice, jobs=jobs, reach=self._reach)
            duties.append((files_source(self._node, prefix.global_root), advancing(runner.advance)))
        return duties

    def runs(self, queues: Sequence[str], outside: Outside) -> list[Duty]:
        """Return the work of a worker of runs."""
        self._running = Running(self._bus, self._node, self._voice, outside)
        return [(source(self._node, queue), self._running.do(queue)) for queue in queues]

    def jobs(self, means: Means) -> list[Duty]:
        """Return the work of a worker of jobs."""
        self._jobs = Jobs(self._bus, self._node, self._voice, means, self._server.name)
        return [(job_source(self._node), self._jobs.do)]

    async def run(
        self, duties: Iterable[Duty], hands: int, on_ready: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Work until it is to stop, then finish what is in hand or let go of it; raises Cut.

        ``hands`` is how many tasks of each consumer are done at a time.
        """
        async with asyncio.TaskGroup() as group:
            start = group.create_task
            workers = [Worker(self._bus, consumer, hands, do, start) for consumer, do in duties]
            if self._running is not None:
                await self._running.open(start)
            if self._jobs is not None:
                await self._jobs.open(start)
            for worker in workers:
                await worker.open()
            self._bus.on_reconnect = lambda: [start(worker.restore()) for worker in workers]
            pinging = start(answer_pings(self._bus, self._node, self._voice, self._server))
            on_ready()
            is_cut = await self._until(stop)
            await asyncio.gather(*(worker.stop() for worker in workers))
            if self._running is not None:
                await self._running.close()
            if self._jobs is not None:
                await self._jobs.close()
            await end([pinging])
        await self._bus.drain()
        if is_cut:
            raise Cut("the server does not let us in any more")

    async def _until(self, stop: asyncio.Event) -> bool:
        """Wait for the signal to stop; say whether the connection has ended before."""
        stopping = asyncio.ensure_future(stop.wait())
        closing = asyncio.ensure_future(self._bus.wait_closed())
        await asyncio.wait([stopping, closing], return_when=asyncio.FIRST_COMPLETED)
        is_cut = not stopping.done()
        stopping.cancel()
        closing.cancel()
        return is_cut
