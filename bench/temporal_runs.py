"""Runs of three activities in Temporal: its development server on a SQLite file; prints a JSON line."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow  # type: ignore[import-not-found,unused-ignore]  # make bench installs it
from temporalio.client import Client  # type: ignore[import-not-found,unused-ignore]
from temporalio.worker import Worker  # type: ignore[import-not-found,unused-ignore]

READY_SECONDS = 60.0
POLL_SECONDS = 0.2
"""How long to wait before a server that does not answer yet is asked again."""
STEP_SECONDS = 30
QUEUE = "bench"


@activity.defn  # type: ignore[untyped-decorator,unused-ignore]
async def step(number: int) -> int:
    """Do one step."""
    return number + 1


@workflow.defn(sandboxed=False)  # type: ignore[untyped-decorator,unused-ignore]
class Three:
    """Three steps, one after the other."""

    @workflow.run  # type: ignore[untyped-decorator,unused-ignore]
    async def run(self, number: int) -> int:
        """Do them."""
        for _ in range(3):
            within = timedelta(seconds=STEP_SECONDS)
            number = await workflow.execute_activity(step, number, start_to_close_timeout=within)
        return number


@asynccontextmanager
async def _server(path: Path) -> AsyncIterator[str]:
    """Run the server as its makers package it, with a file to keep what happened."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])
    binary = Path(sys.executable).with_name("temporal")
    options = ("--headless", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "error")
    child = await asyncio.create_subprocess_exec(
        *(str(binary), "server", "start-dev", "--db-filename", str(path), *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        child.terminate()
        await child.wait()


async def _connected(address: str) -> Client:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                return await Client.connect(address)
            except RuntimeError:
                await asyncio.sleep(POLL_SECONDS)


async def measure(path: Path, single: int, many: int, crowds: list[int]) -> None:
    """Measure runs one after the other, then with so many at once."""
    async with _server(path) as address:
        client = await _connected(address)

        async def once(id: str) -> float:
            began = time.perf_counter()
            if await client.execute_workflow(Three.run, 1, id=id, task_queue=QUEUE) != 4:
                raise RuntimeError(id)
            return (time.perf_counter() - began) * 1000

        async with Worker(client, task_queue=QUEUE, workflows=[Three], activities=[step]):
            for number in range(single // 10):
                await once(f"warm-{number}")
            times = [await once(f"single-{number}") for number in range(single)]
            rates = {}
            for crowd in crowds:
                ids = iter([f"crowd-{crowd}-{number}" for number in range(many)])

                async def some(ids: Iterator[str] = ids) -> None:
                    for id in ids:
                        await once(id)

                began = time.perf_counter()
                await asyncio.gather(*(some() for _ in range(crowd)))
                rates[crowd] = many / (time.perf_counter() - began)
    print(json.dumps({"times": times, "rates": rates}), flush=True)


if __name__ == "__main__":
    path, single, many, *crowds = sys.argv[1:]
    asyncio.run(measure(Path(path), int(single), int(many), [int(crowd) for crowd in crowds]))
