"""A real node in a process of its own, which a test may kill and start again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bus.connection import Bus, connect
from bus.publisher import Outbound, PublishFailed
from node.fault import VARIABLE

NODE = "acme"
SECONDS = 20.0
"""How long anything here may take: less than the broker waits before it delivers a message again."""
START_SECONDS = 60.0
"""How long a process may take to be ready on a machine that is busy."""
AGAIN_SECONDS = 0.02
"""How long a client waits before it publishes again what was not acknowledged."""
COMMAND = (sys.executable, "-c", "from cli.main import main; main()")


class CoveyProcess:
    """One life of a command of ``covey`` after the other, on one data directory."""

    def __init__(self, data: Path, *words: str) -> None:
        self.data = data
        self._words = words
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process of the present life."""
        return self._running.pid

    @property
    def cpu_seconds(self) -> float:
        """How much processor time the present life has had."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    @property
    def is_alive(self) -> bool:
        """Whether the present life goes on."""
        return self._running.returncode is None

    @property
    def errors(self) -> str:
        """What all its lives wrote to stderr."""
        return (self.data.parent / "stderr").read_text()

    @property
    def _running(self) -> Process:
        assert self._process is not None
        return self._process

    async def start(self, die_at: str = "") -> bool:
        """Start it; say whether it became ready, rather than died at the point before."""
        environment = os.environ | {VARIABLE: die_at}
        with (self.data.parent / "stderr").open("a") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                *self._words,
                "--json",
                "--data",
                str(self.data),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=errors,
                env=environment,
                cwd=Path(__file__).parents[2],
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            is_ready = bool(await self._process.stdout.readline())
        assert is_ready or die_at, self.errors
        return is_ready

    async def until_killed(self) -> None:
        """Return when it has died of SIGKILL, and of nothing else."""
        async with asyncio.timeout(SECONDS):
            assert await self._running.wait() == -signal.SIGKILL, self.errors

    async def stop(self) -> None:
        """Let it end as an operator would; it has finished its work then."""
        self._running.terminate()
        async with asyncio.timeout(SECONDS):
            assert await self._running.wait() == 0, self.errors

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process is not None and self.is_alive:
            self._process.kill()

    async def end(self) -> None:
        """End it at once, and wait until it is gone."""
        self.kill()
        if self._process is not None:
            await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, such as SIGSTOP."""
        self._running.send_signal(number)


class NodeProcess(CoveyProcess):
    """A node, with its own server."""

    def __init__(self, data: Path, *words: str) -> None:
        super().__init__(data, "up", "--node", NODE, *words)

    @property
    def nats_pid(self) -> int:
        """The process of its server; another one after each restart."""
        return int((self.data / "nats" / "nats.pid").read_text())

    @property
    def url(self) -> str:
        """Where its server listens; the same in all its lives."""
        return f"nats://127.0.0.1:{(self.data / 'nats' / 'port').read_text()}"

    async def operator(self) -> Bus:
        """Connect as its operator, and stay connected over its lives."""
        seed = self.data / "keys" / "operator.seed"
        return await connect(self.url, name="operator", seed_path=seed, within_seconds=START_SECONDS)


@asynccontextmanager
async def node_process(directory: Path, *words: str) -> AsyncIterator[NodeProcess]:
    """Have a node that is started by the test, and ends with it."""
    node = NodeProcess(directory / NODE, *words)
    try:
        yield node
    finally:
        await node.end()


async def publish(bus: Bus, messages: Sequence[Outbound]) -> None:
    """Publish until the broker has acknowledged everything, as any client does: again, with the same ids."""
    missing = list(messages)
    async with asyncio.timeout(SECONDS):
        while missing:
            try:
                await bus.publish(missing)
                return
            except PublishFailed as failed:
                missing = [missing[place] for place in failed.missing]
                await asyncio.sleep(AGAIN_SECONDS)
