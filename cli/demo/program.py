"""A process of the demo: started until it says that it is ready, killed, stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 12.0
COVEY = (sys.executable, "-c", "from cli.main import main; main()")


class Unexpected(Exception):
    """The demo saw something else than it should."""


@dataclass
class Program:
    """A command line that runs until it is stopped."""

    name: str
    words: tuple[str, ...]
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait for the line that says that it is ready."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *COVEY, *self.words, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self.process.stdout.readline()
        if b"ready" not in line:
            raise Unexpected(f"{self.name} did not start; see {self.log}")

    async def kill(self) -> None:
        """Kill it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        """Stop it and wait for it."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
