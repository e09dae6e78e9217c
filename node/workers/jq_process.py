"""One child process of the evaluator: started, asked one thing at a time, killed, and gone."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from node.workers import jq_child
from node.workers.jq_child import ANSWER, OUTPUT_BYTES

START_SECONDS = 10.0
END_SECONDS = 5.0
"""How long a child that was killed may take to be gone."""
FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
"""How a child ends that somebody else has ended."""


class ChildFailed(Exception):
    """A child did not start."""


class TookTooLong(Exception):
    """The child was killed over a question."""


class Died(Exception):
    """The child has ended over a question; the code is negative for a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(f"it ended with code {code}")
        self.code = code


class Said(NamedTuple):
    """What a child answers."""

    has_worked: bool
    is_last: bool
    """It ends now."""
    body: bytes


class Child(asyncio.Protocol):
    """A child process and the pipe to it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Future[Said | None] = self._loop.create_future()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self.process: Process | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done when it can no longer be asked."""

    @property
    def is_free(self) -> bool:
        """Whether it can be asked now."""
        return self._said.done() and not self.gone.done()

    async def start(self, directory: Path) -> None:
        """Start it in a directory and wait until it can be asked; raises ChildFailed."""
        ours, theirs = socket.socketpair()
        with theirs:
            await _certainly(self._connect(ours))
            await _certainly(self._spawn(theirs, directory))
        await asyncio.wait((self._said,), timeout=START_SECONDS)
        if not self._said.done() or self._said.result() is None:
            raise ChildFailed("a child that evaluates expressions does not start: is jq installed?")

    async def _connect(self, pipe: socket.socket) -> None:
        self._transport, _ = await self._loop.create_unix_connection(lambda: self, sock=pipe)

    async def _spawn(self, pipe: socket.socket, directory: Path) -> None:
        spec = importlib.util.find_spec("jq")
        if spec is None or spec.origin is None:
            raise ChildFailed("jq is not installed")
        argv = (sys.executable, "-I", "-S", jq_child.__file__, str(Path(spec.origin).parent))
        end = pipe.fileno()
        try:
            self.process = await asyncio.create_subprocess_exec(
                *argv, cwd=directory, env={}, stdin=end, stdout=end, stderr=DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise ChildFailed(f"{sys.executable} cannot be started: {error}") from error

    async def ask(self, request: bytes, seconds: float) -> Said:
        """Return its answer; raises TookTooLong or Died. When the caller is cancelled it is killed."""
        assert self._transport is not None
        assert self.process is not None
        if not self.gone.done():
            self._said = self._loop.create_future()
            self._transport.write(request)
            try:  # what has come by then counts, also where the loop itself was late
                await asyncio.wait((self._said,), timeout=seconds)
            finally:
                if not self._said.done():
                    self.kill()
            if not self._said.done():
                raise TookTooLong
            if (said := self._said.result()) is not None:
                return said
        raise Died(await self.process.wait())

    def kill(self) -> None:
        """End it at once."""
        self._leave()
        if self.process is not None:
            _kill(self.process)

    async def end(self) -> None:
        """End it; it is gone then, also when the caller is cancelled."""
        self.kill()
        await _certainly(self._end())

    async def _end(self) -> None:
        async with asyncio.timeout(END_SECONDS):
            if self._transport is not None:
                self._transport.abort()
                await self._lost
            if self.process is not None:
                await self.process.wait()

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self._received += data
        if len(self._received) < ANSWER.size:
            return
        has_worked, is_last, length = ANSWER.unpack_from(self._received)
        missing = ANSWER.size + length - len(self._received)
        if length > OUTPUT_BYTES or missing < 0 or self._said.done():
            self.kill()  # it does not keep to the protocol: something broke out of jq
        elif not missing:
            body = bytes(self._received[ANSWER.size :])
            self._received.clear()
            self._said.set_result(Said(has_worked, is_last, body))
            if is_last:
                self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits that nothing comes any more."""
        self._leave()
        self._lost.set_result(None)
        if not self._said.done():
            self._said.set_result(None)

    def _leave(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)


@asynccontextmanager
async def started(directory: Path) -> AsyncIterator[Child]:
    """Have a child that can be asked, in an empty directory; raises ChildFailed. It is gone at the end."""
    child = Child()
    try:
        await child.start(directory)
        yield child
    finally:
        await child.end()


async def _certainly(work: Coroutine[None, None, None]) -> None:
    """Do what soon ends, to its end: a cancellation comes after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # it is seen; the cancellation is what counts
        raise cancelled
    task.result()


def _kill(process: Process) -> None:
    """Kill a process, not by its own method: that one may reap it, and who waits never learns the code."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
