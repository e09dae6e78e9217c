"""The embedded NATS server: a child process that is started, watched, told anew and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bus import binary, leftover
from bus.child import START_SECONDS, Child, ServerError, spawn
from bus.config import Config, render, write_private
from bus.tasks import Crew, Report

RESTART_SECONDS_FIRST = 0.1
RESTART_SECONDS_MAX = 5.0
STEADY_SECONDS = 30.0
"""A server that ran this long starts again at once."""

__all__ = ["Server", "ServerError"]


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
        self._wanted_port = port
        self._on_error = on_error
        self._crew = Crew(on_error)
        self._child: Child | None = None
        self._binary = Path()
        self._config: Config | None = None
        self._gone: set[str] = set()
        self._is_up = asyncio.Event()
        self._is_wanted_down = False
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
        return self._child.pid if self._child is not None else 0

    async def start(self) -> None:
        """Start the server and return when it takes connections; raises ServerError or NoServer."""
        self._binary = await binary.find()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await leftover.terminate(self._pid_file, str(self._config_file))
        port = leftover.remembered_port(self._directory / "port", self._wanted_port)
        self._config = self._configure(port)
        self._config.store.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._config_file, render(self._config))
        await self._crew.open()
        try:
            await self._spawn()
        except BaseException:
            await self.stop()
            raise
        self._crew.start(self._supervise())

    async def stop(self) -> None:
        """Stop the server for good; it is killed when it takes too long."""
        self._is_wanted_down = True
        if self._child is not None:
            await self._child.stop()
        await self._crew.close()
        self._pid_file.unlink(missing_ok=True)

    async def reload(self, config: Config) -> None:
        """Give the server other accounts and wait until it took them; connections of others stay.

        Only the return of a peer that went since the start cuts all connections for a moment.
        """
        before, self._config = self.config, config
        write_private(self._config_file, render(config))
        had, has = ({peer.name for peer in told.accounts.peers} for told in (before, config))
        try:
            # Seen on 2.15.1: the streams of an account that comes back by a reload store nothing any more.
            await (self._restart() if has & self._gone else self._tell())
            if {one.name for one in config.accounts.users} - {one.name for one in before.accounts.users}:
                # Seen on 2.15.1: a new account can use what it imports after the second reload only.
                await self._tell()
        except ServerError:
            self._config = before
            write_private(self._config_file, render(before))
            raise
        self._gone = (self._gone | had) - has

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def _config_file(self) -> Path:
        return self._directory / "nats.conf"

    @property
    def _pid_file(self) -> Path:
        return self._directory / "nats.pid"

    async def _tell(self) -> None:
        if self._child is not None and self._is_up.is_set():
            await self._child.reload()

    async def _restart(self) -> None:
        if self._child is None:
            return
        self._is_up.clear()
        await self._child.stop()
        try:
            await asyncio.wait_for(self._is_up.wait(), START_SECONDS)
        except TimeoutError as error:
            raise ServerError("the NATS server did not come back with its new configuration") from error

    async def _spawn(self) -> None:
        child = self._child = await spawn(self._binary, self._config_file)
        write_private(self._pid_file, str(child.pid))
        self._crew.start(child.listen())
        try:
            await child.until_ready()
        except ServerError:
            await child.stop()
            raise
        self._gone.clear()
        self._is_up.set()

    async def _supervise(self) -> None:
        delay = RESTART_SECONDS_FIRST
        clock = asyncio.get_running_loop().time
        while self._child is not None:
            since = clock()
            await self._child.until_ended()
            if self._is_wanted_down:
                return
            delay = RESTART_SECONDS_FIRST if clock() - since > STEADY_SECONDS else delay
            if self._is_up.is_set():  # else a restart was asked for
                self._on_error(ServerError(f"the NATS server died: {self._child.last_words()}"))
            self._is_up.clear()
            await asyncio.sleep(delay)
            delay = min(delay * 2, RESTART_SECONDS_MAX)
            self.restarts += 1
            await self._respawn()

    async def _respawn(self) -> None:
        try:
            await self._spawn()
        except (ServerError, OSError) as error:
            self._on_error(error)
