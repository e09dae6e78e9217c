"""The embedded NATS server: a child process that is started, watched, told anew and stopped."""

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
from types import TracebackType

from bus import binary, leftover
from bus.config import Config, render, write_private
from bus.tasks import Crew, Report

START_SECONDS = 30.0
RELOAD_SECONDS = 10.0
STOP_SECONDS = 5.0
RESTART_SECONDS_FIRST = 0.1
RESTART_SECONDS_MAX = 5.0
STEADY_SECONDS = 30.0
"""A server that ran this long starts again at once."""
LOG_LINES_KEPT = 50

_READY = "Server is ready"
_RELOADED = "Reloaded server configuration"
_NOT_RELOADED = "Failed to reload"
_PR_SET_PDEATHSIG = 1
_LOG = logging.getLogger("covey.nats")


class ServerError(Exception):
    """The embedded server does not run; the text says how to mend it."""


class Server:
    """A nats-server in a directory of its own; ``config`` is asked for with the port it must listen on."""

    def __init__(
        self,
        directory: Path,
        config: Callable[[int], Config],
        *,
        port: int = 0,
        on_error: Report = lambda _: None,
    ) -> None:
        self._directory = directory
        self._configure = config
        self._on_error = on_error
        self._wanted_port = port
        self._crew = Crew(on_error)
        self._process: asyncio.subprocess.Process | None = None
        self._tail: deque[str] = deque(maxlen=LOG_LINES_KEPT)
        self._awaited: dict[str, asyncio.Future[str]] = {}
        self._binary = Path()
        self._config: Config | None = None
        self.restarts = 0

    @property
    def config(self) -> Config:
        """What the server was told last."""
        if self._config is None:
            raise ServerError("the NATS server was never started")
        return self._config

    @property
    def url(self) -> str:
        """Where clients of this machine connect."""
        scheme = "tls" if self.config.tls else "nats"
        return f"{scheme}://{self.config.host}:{self.config.port}"

    @property
    def pid(self) -> int:
        """The process that runs now; 0 when there is none."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    async def start(self) -> None:
        """Start the server and return when it takes connections; raises ServerError."""
        self._binary = await binary.find()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await leftover.terminate(self._pid_file, str(self._config_file))
        self._config = self._configure(leftover.remembered_port(self._directory / "port", self._wanted_port))
        self._config.store.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._config_file, render(self._config))
        await self._crew.open()
        try:
            process = await self._spawn()
        except BaseException:
            await self.stop()
            raise
        self._crew.start(self._supervise(process))

    async def stop(self) -> None:
        """Stop the server for good; it is killed when it takes too long."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        await self._crew.close()
        self._pid_file.unlink(missing_ok=True)

    async def reload(self, config: Config) -> None:
        """Give the running server other accounts and wait until it took them; connections of others stay."""
        before = self.config
        write_private(self._config_file, render(config))
        self._config = config
        if not self.pid or self._process is None:
            return  # it reads the file when the supervisor starts it
        told = self._expect(_RELOADED, _NOT_RELOADED)
        self._process.send_signal(signal.SIGHUP)
        try:
            line = await asyncio.wait_for(told, RELOAD_SECONDS)
        except TimeoutError as error:
            raise ServerError(f"the NATS server did not reload within {RELOAD_SECONDS:.0f} s") from error
        if _NOT_RELOADED in line:
            write_private(self._config_file, render(before))
            self._config = before
            raise ServerError(f"the NATS server refused its new configuration: {line}")

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def _config_file(self) -> Path:
        return self._directory / "nats.conf"

    @property
    def _pid_file(self) -> Path:
        return self._directory / "nats.pid"

    async def _spawn(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            str(self._binary),
            *("-c", str(self._config_file)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_die_with_parent(os.getpid()),
            start_new_session=True,  # Ctrl-C is for the node, which stops the server last
        )
        self._process = process
        write_private(self._pid_file, str(process.pid))
        ready = self._expect(_READY)
        self._crew.start(self._read_log(process))
        try:
            await asyncio.wait_for(ready, START_SECONDS)
        except TimeoutError as error:
            raise ServerError(f"the NATS server did not start within {START_SECONDS:.0f} s") from error
        return process

    async def _supervise(self, process: asyncio.subprocess.Process) -> None:
        delay = RESTART_SECONDS_FIRST
        clock = asyncio.get_running_loop().time
        while True:
            since = clock()
            await process.wait()
            if self._process is None:
                return
            delay = RESTART_SECONDS_FIRST if clock() - since > STEADY_SECONDS else delay
            self._on_error(ServerError(f"the NATS server died: {self._last_words()}"))
            await asyncio.sleep(delay)
            delay = min(delay * 2, RESTART_SECONDS_MAX)
            self.restarts += 1
            process = await self._respawn(process)

    async def _respawn(self, dead: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
        try:
            return await self._spawn()
        except (ServerError, OSError) as error:
            self._on_error(error)
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
            return self._process or dead

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._tail.append(line)
            _LOG.log(logging.WARNING if "[ERR]" in line or "[FTL]" in line else logging.DEBUG, "%s", line)
            for text in [text for text in self._awaited if text in line]:
                waiting = self._awaited.pop(text)
                if not waiting.done():
                    waiting.set_result(line)
        if process is self._process:
            self._give_up_waiting()

    def _give_up_waiting(self) -> None:
        waiting = {future for future in self._awaited.values() if not future.done()}
        self._awaited.clear()
        for future in waiting:
            future.set_exception(ServerError(f"the NATS server ended: {self._last_words()}"))

    def _expect(self, *texts: str) -> asyncio.Future[str]:
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._awaited.update(dict.fromkeys(texts, waiting))
        return waiting

    def _last_words(self) -> str:
        faults = [line for line in self._tail if "[FTL]" in line or "[ERR]" in line]
        return "; ".join((faults or list(self._tail))[-3:]) or "it said nothing"


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
