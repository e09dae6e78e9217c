"""Real programs, run without a shell: bounded in time and output, and ended with all that they started."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

OUTPUT_BYTES = 8 << 20
ERROR_BYTES = 4_096
CHUNK_BYTES = 1 << 16
END_SECONDS = 5.0
"""How long a program that was killed may take to be gone."""

_PR_SET_PDEATHSIG = 1

T = TypeVar("T")


class Failed(Exception):
    """The outside work could not be done; the text says why, and may stand in an outcome."""


class ToolFailed(Failed):
    """A program did not start, took too long or said too much."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended; a negative code is the signal that ended it."""

    code: int
    output: bytes
    errors: str


@dataclass(frozen=True, slots=True)
class Running:
    """A program at work; what it complains of is read all the time, or it would wait for us for ever."""

    process: Process
    output: asyncio.StreamReader
    complaints: asyncio.Task[bytes]

    async def end(self) -> tuple[int, str]:
        """Wait until it has ended by itself; return its code and what it complained of."""
        return await self.process.wait(), readable(await self.complaints).strip()


def readable(name: bytes | str) -> str:
    r"""Return a name or a text of the system as text: bytes that are no UTF-8 become ``\xNN``."""
    return os.fsencode(name).decode(errors="backslashreplace")


@asynccontextmanager
async def running(
    argv: Sequence[str],
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    line_bytes: int = CHUNK_BYTES,
    is_fed: bool = False,
) -> AsyncIterator[Running]:
    """Have a program run, in a process group of its own that is killed at the end; raises ToolFailed."""
    spawning = asyncio.create_subprocess_exec(
        *argv,
        cwd=directory,
        env=_clean(environment or {}),
        stdin=PIPE if is_fed else DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        limit=line_bytes,
        start_new_session=True,
        preexec_fn=_die_with_parent(os.getpid()),
    )
    try:
        process = await _start(spawning)
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolFailed(f"{argv[0]} cannot be started in {readable(str(directory))}: {error}") from error
    assert process.stdout is not None
    assert process.stderr is not None
    # not in a TaskGroup: one must not be open where a generator yields
    complaints = asyncio.create_task(_read(process.stderr, ERROR_BYTES))
    try:
        yield Running(process, process.stdout, complaints)
    finally:
        await _end(process, complaints)


async def run(
    argv: Sequence[str],
    directory: Path,
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    feed: Iterable[bytes] | None = None,
) -> Done:
    """Run a program to its end, whatever its code; raises ToolFailed."""
    is_fed = feed is not None
    try:
        async with (
            asyncio.timeout(seconds),
            running(argv, directory, environment=environment, is_fed=is_fed) as started,
            asyncio.TaskGroup() as group,
        ):
            reading = group.create_task(_read(started.output, OUTPUT_BYTES))
            group.create_task(_feed(started.process.stdin, feed or ()))
            output = await reading
            code, errors = await started.end()
    except TimeoutError as error:
        raise ToolFailed(f"{argv[0]} took longer than {seconds:g} s") from error
    if len(output) > OUTPUT_BYTES:
        raise ToolFailed(f"{argv[0]} said more than {OUTPUT_BYTES} bytes")
    return Done(code, output, errors)


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Do blocking work off the event loop; when cancelled it is told to stop, and has stopped."""
    is_cancelled = threading.Event()
    future = asyncio.get_running_loop().run_in_executor(None, work, is_cancelled)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        is_cancelled.set()
        await asyncio.wait([future])
        raise


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write a file at once or not at all, and to the disk, whoever else writes it; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{uuid4().hex}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _clean(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which every machine's tools speak alike."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC", **more}


async def _start(spawning: Coroutine[None, None, Process]) -> Process:
    """Start a program; who is cancelled meanwhile has it end first, which not every event loop waits for."""
    started = asyncio.ensure_future(spawning)
    try:
        return await asyncio.shield(started)
    except asyncio.CancelledError:
        await asyncio.wait([started])
        if started.exception() is None:
            await _end(started.result())
        raise


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    """Read to the end; keep one byte more than ``most``, so that the caller sees that there was more."""
    kept = bytearray()
    while chunk := await stream.read(CHUNK_BYTES):
        kept += chunk[: most + 1 - len(kept)]
    return bytes(kept)


async def _feed(stream: asyncio.StreamWriter | None, chunks: Iterable[bytes]) -> None:
    if stream is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # its code says why it did not listen
        for chunk in chunks:
            stream.write(chunk)
            await stream.drain()
    stream.close()


async def _end(process: Process, complaints: asyncio.Task[bytes] | None = None) -> None:
    """Kill a program with its group, if it still runs; it is gone then."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if complaints is not None:
        complaints.cancel()
        await asyncio.wait([complaints])
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(END_SECONDS):
        await _read(process.stdout, 0)  # a full pipe that nobody reads keeps wait() waiting
        await _read(process.stderr, 0)
        await process.wait()


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what makes a program end with a worker that is killed: the next worker must not meet it."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)

    def prepare() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return prepare
