"""Runs of three durable steps in Restate: its server with its defaults, a service in its JavaScript SDK."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

HERE = Path(__file__).parent / "restate"
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.2
"""How long to wait before a server that does not answer yet is asked again."""

Times = tuple[list[float], dict[int, float]]


def lacking() -> str:
    """Return why it cannot be measured here; nothing when it can."""
    if shutil.which("node") is None:
        return "restate is not measured: there is no node"
    return "" if _binary() else "restate is not installed: make bench installs it where there is npm"


async def measured(directory: Path, single: int, many: int, crowds: tuple[int, ...]) -> Times:
    """Measure runs one after the other, then with so many at once."""
    async with _service(directory) as url, aiohttp.ClientSession(url) as client:

        async def once() -> float:
            began = time.perf_counter()
            async with client.post("/Three/run", json=1) as answer:
                if await answer.json() != 4:
                    raise RuntimeError(f"restate answered {answer.status}")
            return (time.perf_counter() - began) * 1000

        for _ in range(single // 10):
            await once()
        times = [await once() for _ in range(single)]
        return times, {crowd: await _crowd(once, many, crowd) for crowd in crowds}


async def _crowd(once: Callable[[], Awaitable[float]], many: int, crowd: int) -> float:
    numbers = iter(range(many))

    async def some() -> None:
        for _ in numbers:
            await once()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(crowd)))
    return many / (time.perf_counter() - began)


@asynccontextmanager
async def _service(directory: Path) -> AsyncIterator[str]:
    """Run server and service, and let them know each other; yield where requests go."""
    ingress, admin, fabric, service = _ports(4)
    settings = {
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_DISABLE_TELEMETRY": "true",
    }
    server = [_binary(), "--no-logo", "--base-dir", str(directory), "--bind-ip", "127.0.0.1"]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_process([*server, "--bind-port", str(fabric)], settings, directory))
        await stack.enter_async_context(
            _process(["node", str(HERE / "three.mjs"), str(service)], {}, directory)
        )
        url = f"http://127.0.0.1:{ingress}"
        async with aiohttp.ClientSession() as client, asyncio.timeout(READY_SECONDS):
            uri = {"uri": f"http://127.0.0.1:{service}"}
            await _until_done(client, f"http://127.0.0.1:{admin}/deployments", uri)
            await _until_done(client, f"{url}/Three/run", 1)
        yield url


async def _until_done(client: aiohttp.ClientSession, url: str, body: object) -> None:
    while True:
        try:
            async with client.post(url, json=body) as answer:
                if answer.ok:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def _process(command: list[str], settings: dict[str, str], directory: Path) -> AsyncIterator[None]:
    with (directory / f"{Path(command[0]).name}.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, env={**os.environ, **settings}
        )
    try:
        yield
    finally:
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
        except TimeoutError:
            child.kill()
            await child.wait()


def _binary() -> str:
    found = sorted(HERE.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    return str(found[0]) if found else ""


def _ports(count: int) -> list[int]:
    """Return ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
