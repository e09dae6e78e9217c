"""The worker within the node: a node alone does what needs no files, and all that runs ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from actors.ephemeral.table import Table
from bus.client import Bus
from messages import subjects
from node.jobs.worker import HANDS as JOB_HANDS
from node.jobs.worker import Jobs
from node.jobs.worker import source as job_source
from node.workers.desk import Desk, Handed
from node.workers.pinging import Server, answer_pings, server_name
from node.workers.queues import REGISTRY, registry_source
from node.workers.runner import Runner
from node.workers.running import Running, hands, is_once, source
from node.workers.voice import Voice
from node.workers.worker import Start, Worker, advancing

HANDS = 16
"""How many workflows of registries are brought on at a time."""
FINISH_SECONDS = 1.0


class Own:
    """Does the work of the queue ``registry``, as ``covey worker registry`` does, and that of runs."""

    def __init__(
        self,
        bus: Bus,
        node: str,
        voice: Voice,
        tables: Iterable[Table],
        *,
        reach: Callable[[str], None],
        runs: tuple[Running, Sequence[str]],
        desk: Desk,
        jobs: Jobs | None = None,
    ) -> None:
        self._desk = desk
        self._bus = bus
        self._node = node
        self._voice = voice
        self._runner = Runner(REGISTRY, tables, voice, reach=reach)
        self._running, self._queues = runs
        self._jobs = jobs
        self._workers: list[Worker] = []

    async def open(self, start: Start) -> None:
        """Begin to work beside the node."""
        registry = advancing(self._runner.advance)
        self._workers = [Worker(self._bus, registry_source(self._node), HANDS, registry, start)]
        for queue in self._queues:
            do = self._running.do(queue)
            worker = Worker(self._bus, source(self._node, queue), hands(queue), do, start)
            self._workers.append(worker)
            self._desk.open(subjects.task(self._node, queue), partial(_hand, worker))
        await self._running.open(start)
        if self._jobs is not None:
            self._workers.append(Worker(self._bus, job_source(self._node), JOB_HANDS, self._jobs.do, start))
            await self._jobs.open(start)
        for worker in self._workers:
            await worker.open()
        server = Server(server_name(), REGISTRY)
        start(answer_pings(self._bus, self._node, self._voice, server))

    async def stop(self) -> None:
        """Finish what is in hand."""
        self._desk.close()
        async with asyncio.TaskGroup() as group:
            for worker in self._workers:
                group.create_task(worker.stop(FINISH_SECONDS))
        await self._running.close()
        if self._jobs is not None:
            await self._jobs.close()


def _hand(worker: Worker, task: Handed) -> bool:
    """Take a task, unless it must come over the bus, which counts how often it was delivered."""
    return not is_once(task.body) and worker.hand(task)
