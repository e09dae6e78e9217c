"""The tasks that a connection or a server keeps running until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

AGAIN_SECONDS = 0.1
"""When a task that goes on in spite of it is cancelled again."""

Report = Callable[[Exception], None]
"""Takes an error that nobody waits for."""


class Crew:
    """A task group that any task may open and any other one may close."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._closed = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._owner: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start to take tasks."""
        is_open = asyncio.Event()
        # A TaskGroup belongs to the task that enters it, so it gets one of its own, awaited in close().
        self._owner = asyncio.create_task(self._own(is_open))
        await is_open.wait()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the caller; its error is reported and stops nothing else."""
        if self._group is None:
            work.close()
            raise RuntimeError("the crew is closed")
        task = self._group.create_task(self._guard(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # one that is cancelled first never began it
        return task

    async def close(self) -> None:
        """Cancel what still runs and wait until it has stopped."""
        self._closed.set()
        owner, self._owner = self._owner, None
        if owner is not None:
            await owner

    async def _own(self, is_open: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            is_open.set()
            await self._closed.wait()
            self._group = None
            await end(self._running)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._report(error)


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and return when they have stopped."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        # Python 3.11 loses a cancellation that meets the end of what ``wait_for`` waits for, so again.
        await asyncio.wait(running, timeout=AGAIN_SECONDS)
