"""Programs for tests, run in the sandbox in each way that this machine has."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from messages.job import WorkingFile
from node.jobs.kept import files_below
from node.jobs.limits import Limits
from node.jobs.probe import LEVELS, _fault
from node.jobs.sandbox import Ended, Level, Program, Sandbox
from node.jobs.scratch import Scratch, fresh

PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else os.path.realpath(sys.executable)
"""One that any user may run."""
UNTIL_SECONDS = 45.0
TICK_SECONDS = 0.03
SMALL = Limits(
    memory_bytes=256 << 20,
    processes=32,
    output_bytes=1 << 20,
    file_bytes=8 << 20,
    disk_bytes=16 << 20,
    open_files=128,
)


@dataclass
class Seen:
    """What came of a program."""

    ended: Ended
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes]
    told: list[tuple[str, bytes]] = field(default_factory=list)


def python(script: str, *words: str) -> tuple[str, ...]:
    """Return the arguments of a program in Python."""
    return (PYTHON, "-I", "-S", "-c", script, *words)


async def ran(
    directory: Path,
    level: Level,
    argv: tuple[str, ...],
    *,
    seconds: float = 20.0,
    limits: Limits = SMALL,
    stop: asyncio.Event | None = None,
    files: tuple[WorkingFile, ...] = (),
    has_network: bool = True,
    **environment: str,
) -> Seen:
    """Run a program to its end."""
    told: list[tuple[str, bytes]] = []
    box = Sandbox(level=level, limits=limits)
    program = Program(argv=argv, seconds=seconds, environment=environment, has_network=has_network)
    async with fresh(directory, f"r{uuid4().hex}", files) as scratch:
        ended = await box.run(program, scratch, lambda *one: told.append(one), stop or asyncio.Event())
        left = await asyncio.to_thread(_files, scratch)
        return Seen(ended, scratch.stdout.read_bytes(), scratch.stderr.read_bytes(), left, told)


def _files(scratch: Scratch) -> dict[str, bytes]:
    return {
        str(Path(path).relative_to(scratch.work)): Path(path).read_bytes()
        for path in files_below(scratch.work)
        if os.stat(path).st_size < 1 << 20
    }


def marked(mark: str) -> list[str]:
    """Return the processes of this machine that bear a mark in their arguments or environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in words and int(place.name) != os.getpid():
            found.append(f"{place.name}: {words[:80]!r}")
    return found


async def _ticks() -> AsyncIterator[None]:
    async with asyncio.timeout(UNTIL_SECONDS):
        while True:
            yield
            await asyncio.sleep(TICK_SECONDS)  # nobody tells us of processes


async def until(fits: Callable[[], object]) -> None:
    """Wait until something is so of the processes of this machine."""
    async for _ in _ticks():
        if fits():
            return


def _tried() -> dict[Level, str]:
    with TemporaryDirectory() as directory:
        return {level: asyncio.run(_fault(Path(directory), level)) for level in LEVELS}


def _tried_without_network() -> dict[Level, str]:
    with TemporaryDirectory() as directory:
        path = Path(directory)
        return {
            level: MISSING[level] or asyncio.run(_fault(path, level, has_network=False)) for level in LEVELS
        }


MISSING = _tried()
"""Why this machine has no such level; nothing where it has."""
CONNECTED = _tried_without_network()
"""Why a job cannot be kept from the network at a level; nothing where it can."""
ALL = LEVELS
BEST = next(level for level in LEVELS if not MISSING[level])
