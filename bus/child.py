"""A nats-server process: started so that it dies with us, listened to, and ended."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

START_SECONDS = 30.0
RELOAD_SECONDS = 10.0
STOP_SECONDS = 5.0
LOG_LINES_KEPT = 50

_READY = "Server is ready"
_RELOADED = "Reloaded server configuration"
_NOT_RELOADED = "Failed to reload"
_FAULTS = ("[ERR]", "[FTL]")
_PR_SET_PDEATHSIG = 1
_LOG = logging.getLogger("covey.nats")


class ServerError(Exception):
    """The embedded server does not run; the text says how to mend it."""


class Child:
    """One run of the server; what it logs tells when it is ready."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail: deque[str] = deque(maxlen=LOG_LINES_KEPT)
        self._awaited: dict[str, asyncio.Future[str]] = {}

    @property
    def pid(self) -> int:
        """Its process; 0 when it has ended."""
        return self._process.pid if self._process.returncode is None else 0

    async def until_ready(self) -> None:
        """Return when it takes connections; raises ServerError."""
        await self._hear("start", START_SECONDS, _READY)

    async def reload(self) -> None:
        """Make it read its configuration again; raises ServerError when it refuses."""
        self._process.send_signal(signal.SIGHUP)
        line = await self._hear("reload", RELOAD_SECONDS, _RELOADED, _NOT_RELOADED)
        if _NOT_RELOADED in line:
            raise ServerError(f"the NATS server refused its new configuration: {line}")

    async def until_ended(self) -> None:
        """Return when it has ended, whyever."""
        await self._process.wait()

    async def stop(self) -> None:
        """End it, by force when it takes too long."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def listen(self) -> None:
        """Read its log until it ends; the pipe must not fill."""
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._tail.append(line)
            _LOG.log(logging.WARNING if _is_fault(line) else logging.DEBUG, "%s", line)
            for text in [text for text in self._awaited if text in line]:
                waiting = self._awaited.pop(text)
                if not waiting.done():
                    waiting.set_result(line)
        await self._process.wait()
        for waiting in self._awaited.values():
            if not waiting.done():
                waiting.set_exception(ServerError(f"the NATS server ended: {self.last_words()}"))

    def last_words(self) -> str:
        """Return what it complained of last."""
        faults = [line for line in self._tail if _is_fault(line)]
        return "; ".join((faults or list(self._tail))[-3:]) or "it said nothing"

    async def _hear(self, what: str, seconds: float, *texts: str) -> str:
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._awaited = dict.fromkeys(texts, waiting)
        try:
            return await asyncio.wait_for(waiting, seconds)
        except TimeoutError as error:
            raise ServerError(f"the NATS server did not {what} within {seconds:.0f} s") from error
        finally:
            self._awaited = {}


async def spawn(binary: Path, config_file: Path) -> Child:
    """Start a server on a configuration file."""
    process = await asyncio.create_subprocess_exec(
        str(binary),
        *("-c", str(config_file)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=_die_with_parent(os.getpid()),
        start_new_session=True,  # Ctrl-C is for the node, which stops the server last
    )
    return Child(process)


def _is_fault(line: str) -> bool:
    return any(mark in line for mark in _FAULTS)


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what makes a child end with a node that is killed, where the system knows how to."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)

    def prepare() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return prepare
