from __future__ import annotations

import asyncio
from contextlib import suppress

from bus.tasks import Crew


async def test_a_task_that_misses_a_cancellation_is_cancelled_again() -> None:
    crew, began = Crew(lambda _: None), asyncio.Event()

    async def deaf() -> None:
        began.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    await crew.open()
    task = crew.start(deaf())
    await began.wait()

    async with asyncio.timeout(30):
        await crew.close()

    assert task.cancelled()


async def test_work_that_is_cancelled_before_it_begins_leaves_no_warning() -> None:
    crew = Crew(lambda _: None)
    await crew.open()

    async def late() -> None:
        raise AssertionError("it began")

    task = crew.start(late())
    task.cancel()
    await crew.close()

    assert task.cancelled()
