"""Nodes to measure: each a process of its own, as an operator runs it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from bus.client import Bus
from bus.connection import connect
from messages import subjects
from node.home import Endpoint

WAIT_SECONDS = 120.0
END_SECONDS = 20.0
"""How long a process that is told to end may take, before it is killed."""


@dataclass
class Measured:
    """A running process, and a connection to its bus."""

    node: str
    process: asyncio.subprocess.Process
    bus: Bus
    data: Path
    ready_seconds: float
    """From the start of the process to the line that says it is ready."""

    async def call(self, kind: str, id: str, verb: str, **body: Any) -> dict[str, Any]:
        """Say a command that must be done."""
        subject = subjects.call(self.node, kind, id, verb)
        reply = await self.bus.request(subject, msgspec.json.encode(body), {}, WAIT_SECONDS)
        outcome = msgspec.json.decode(reply, type=dict[str, Any])
        if outcome["status"] != "done":
            raise RuntimeError(f"{kind} {id} {verb}: {outcome}")
        return outcome

    async def ask(self, kind: str, query: str, **body: Any) -> dict[str, Any]:
        """Ask a question."""
        subject = subjects.ask(self.node, kind, query)
        reply = await self.bus.request(subject, msgspec.json.encode(body), {}, WAIT_SECONDS)
        return msgspec.json.decode(reply, type=dict[str, Any])

    def memory_megabytes(self) -> float:
        """Return the resident memory of the process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    async def kill(self) -> None:
        """Kill the process."""
        self.process.kill()
        await self.process.wait()


def _log(data: Path) -> BinaryIO:
    data.mkdir(parents=True, exist_ok=True)
    return (data.parent / f"{data.name}.log").open("ab")


@asynccontextmanager
async def process(data: Path, *command: str) -> AsyncIterator[Measured]:
    """Run a program that prints a line with ``ready`` and leaves an ``endpoint.json``."""
    log, began = _log(data), time.perf_counter()
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=log
    )
    log.close()
    assert child.stdout is not None
    try:
        line = await asyncio.wait_for(child.stdout.readline(), WAIT_SECONDS)
        ready = time.perf_counter() - began
        if b"ready" not in line:
            raise RuntimeError(f"{command} did not start; see {data.parent / f'{data.name}.log'}")
        endpoint = msgspec.json.decode((data / "endpoint.json").read_bytes(), type=Endpoint)
        seed = Path(endpoint.nkey_seed_file)
        async with await connect(endpoint.nats_url, name="bench", seed_path=seed) as bus:
            yield Measured(endpoint.node, child, bus, data, ready)
    finally:
        if child.returncode is None:
            child.terminate()
            try:
                await asyncio.wait_for(child.wait(), END_SECONDS)
            except TimeoutError:
                child.kill()
                await child.wait()


@asynccontextmanager
async def node(data: Path, name: str, *options: str) -> AsyncIterator[Measured]:
    """Run a node."""
    up = ("-c", "from cli.main import main; main()", "up", "--node", name, "--data", str(data))
    async with process(data, *up, *options) as measured:
        yield measured


async def meet(host: Measured, guest: Measured) -> None:
    """Let two nodes become peers."""
    token = (await host.ask("node", "invite", peer=guest.node))["token"]
    await guest.ask("node", "accept", token=token)
