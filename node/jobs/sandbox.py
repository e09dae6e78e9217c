"""Runs one program apart from everything else: exact arguments, no shell, bounded, gone at its end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import asdict

from node.jobs import apart
from node.jobs.keeper import FRAME, SIZE_BYTES
from node.jobs.limits import Limits
from node.jobs.processes import processes_of
from node.jobs.scratch import Scratch

Level = Literal["bubblewrap", "namespace", "process"]
"""How far apart: its files and processes; its processes; no further than its parent can see."""

END_SECONDS = 20.0
"""How long a job that was killed may take to be gone: longer than its keeper tries."""
FRAME_BYTES_MAX = 1 << 20
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOT = Path(__file__).parents[2]
_KEEPER = f"import sys; sys.path.append({str(ROOT)!r}); from node.jobs.keeper import main; main()"

Tell = Callable[[str, bytes], None]
"""Hears what a job writes while it runs: ``stdout`` or ``stderr``, and a part of it."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is to run, and how long."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 3600.0
    is_root: bool = False
    has_network: bool = True


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended."""

    code: int | None
    """Its exit code, negative for a signal; None: it was ended before it had one."""
    reason: str = ""
    """What ended it: ``timeout``, ``cancelled``, ``memory``, ``output``, ``disk``, ``killed``, ``failed``;
    nothing: itself."""
    fault: str = ""
    """Why it did not start."""
    survivors: int = 0
    """How many of its processes would not go."""
    seconds: float = 0.0
    memory_bytes: int = 0
    """The most that was seen in use."""
    stdout_bytes: int = 0
    stderr_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """How jobs are run here."""

    level: Level
    limits: Limits = field(default_factory=Limits)
    readable: tuple[str, ...] = ()
    """What jobs see of the machine beside its programs, where their files are apart."""

    async def run(self, program: Program, scratch: Scratch, tell: Tell, stop: asyncio.Event) -> Ended:
        """Run a program until it ends, passes a bound or is to stop; all that it started is gone then."""
        request = json.dumps(self._request(program, scratch)).encode()
        keeper = await _started(program.is_root, scratch.locks)
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        try:
            with suppress(ConnectionError):
                keeper.stdin.write(len(request).to_bytes(SIZE_BYTES) + request)
                await keeper.stdin.drain()
            reading = asyncio.ensure_future(_read(keeper.stdout, tell))
            return await _until(reading, keeper, stop)
        finally:
            await _certainly_gone(keeper)

    def _request(self, program: Program, scratch: Scratch) -> dict[str, Any]:
        is_apart = self.level == "bubblewrap"
        own = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": apart.INSIDE if is_apart else str(scratch.work)}
        limits, argv = asdict(self.limits), program.argv
        launcher = apart.PLAIN
        if is_apart:
            launcher = apart.launcher(argv[0], scratch, self.readable, has_network=program.has_network)
        if self.level == "process" and not scratch.user:
            limits["processes"] += processes_of(os.geteuid())  # they count as one user's
        return {
            "argv": list(argv),
            "environment": {**own, **program.environment},
            "seconds": min(program.seconds, self.limits.seconds),
            "is_root": program.is_root,
            "user": 0 if program.is_root else scratch.user,
            "level": self.level,
            "has_users": os.geteuid() != 0 and not program.is_root,
            "has_network": program.has_network,
            "launcher": launcher,
            "directory": str(scratch.work),
            "scratch": str(scratch.path),
            "stdout": str(scratch.stdout),
            "stderr": str(scratch.stderr),
            "limits": limits,
        }


async def _started(is_root: bool, locks: tuple[int, ...]) -> Process:
    """Start a keeper; who is cancelled meanwhile has it end first."""
    before = [] if os.geteuid() == 0 or not is_root else [shutil.which("sudo") or "sudo", "-n", "--"]
    words = (*before, sys.executable, "-I", "-S", "-c", _KEEPER)
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *words,
            env={"PATH": PATH},
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,
            pass_fds=locks,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await _certainly_gone(starting.result())
        raise


async def _until(reading: asyncio.Future[Ended], keeper: Process, stop: asyncio.Event) -> Ended:
    """Return how it ended; where it is to stop, the keeper is told so."""
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            assert keeper.stdin is not None
            keeper.stdin.close()
            await asyncio.wait((reading,), timeout=END_SECONDS)
        return reading.result() if reading.done() else Ended(code=None, reason="failed")
    finally:
        stopping.cancel()
        reading.cancel()


async def _read(stream: asyncio.StreamReader, tell: Tell) -> Ended:
    names = {b"o": "stdout", b"e": "stderr"}
    try:
        while True:
            letter, size = FRAME.unpack(await stream.readexactly(FRAME.size))
            if size > FRAME_BYTES_MAX:
                return Ended(code=None, reason="failed")
            body = await stream.readexactly(size)
            if letter == b"s":
                return msgspec.json.decode(body, type=Ended)
            tell(names[letter], body)
    except (asyncio.IncompleteReadError, msgspec.DecodeError, KeyError):
        return Ended(code=None, reason="killed")  # the keeper itself is gone


async def _certainly_gone(keeper: Process) -> None:
    """Have a keeper end with all that it keeps, and be gone when this returns, also when we are cancelled."""
    ending = asyncio.ensure_future(_gone(keeper))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait([ending])
        raise


async def _gone(keeper: Process) -> None:
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    keeper.stdin.close()
    reading = asyncio.ensure_future(keeper.stdout.read())  # a full pipe would keep it waiting
    await asyncio.wait((asyncio.ensure_future(keeper.wait()),), timeout=END_SECONDS)
    if keeper.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            keeper.kill()
        await keeper.wait()
    reading.cancel()
    await asyncio.wait((reading,))
