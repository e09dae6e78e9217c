"""The process that keeps one job: it starts it apart, watches its bounds, and kills all of it at the end.

It is run by itself, with nothing but the standard library. What comes in first says what to run; from then
on it keeps the job only while what comes in stays open. What goes out are frames: a letter, a length, a
body. All that the job starts is below this process, whatever it does to get away.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any

from node.jobs import processes

TICK_SECONDS = 0.1
"""How often time and memory are looked at."""
LIVE_SECONDS = 0.25
"""How often what the job writes is told while it runs."""
LIVE_BYTES = 8 << 10
"""How much of each output is told at a time."""
LIVE_BYTES_MAX = 256 << 10
"""How much of each output is told while it runs, in all."""
READ_BYTES = 1 << 16
DISK_EVERY = 5
"""At each so many ticks the disk is looked at."""
FRAME = struct.Struct(">cI")
"""How a frame begins: ``o`` and ``e`` are output, ``s`` is how it ended and the last one."""
SIZE_BYTES = 4
"""What comes in begins with its length, most significant byte first."""
CANNOT_START = 127


class Output:
    """One output of the job: kept in a file up to a bound, and told in parts while it runs."""

    def __init__(self, letter: bytes, path: str, most: int) -> None:
        self.letter = letter
        self.reading, self.writing = os.pipe()
        self.bytes = 0
        self._told = 0
        self._fresh = bytearray()
        self._most = most
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.set_blocking(self.reading, False)

    def read(self) -> bool:
        """Take what there is; say whether there may be more to come."""
        try:
            part = os.read(self.reading, READ_BYTES)
        except BlockingIOError:
            return True
        kept = part[: max(self._most - self.bytes, 0)]
        os.write(self._file, kept)
        self._fresh += kept[: max(LIVE_BYTES_MAX - self._told - len(self._fresh), 0)]
        self.bytes += len(part)
        return bool(part)

    @property
    def is_over(self) -> bool:
        """Whether there was more than is kept."""
        return self.bytes > self._most

    def fresh(self) -> bytes:
        """Return the next part to be told."""
        part = bytes(self._fresh[:LIVE_BYTES])
        del self._fresh[:LIVE_BYTES]
        self._told += len(part)
        return part


class Keeper:
    """Keeps one job from its start to its end."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self._limits = asked["limits"]
        most = self._limits["output_bytes"]
        self._outputs = [Output(b"o", asked["stdout"], most), Output(b"e", asked["stderr"], most)]
        self._ours, self._theirs = socket.socketpair()
        self._said = b""
        self._memory = 0
        self._tell_at = self._look_at = 0.0
        self._looks = 0
        self._waiting = bytearray()
        """Frames that the reader has not taken yet."""

    def run(self) -> dict[str, Any]:
        """Run it to its end, and return what is to be told of that."""
        began, reason = time.monotonic(), "failed"
        try:
            self._start()
            reason = self._watch(began + self._asked["seconds"])
        finally:
            left = processes.kill_all(self._asked["user"])
        self._drain()
        said = json.loads(self._said) if self._said.endswith(b"\n") else {"code": None, "fault": ""}
        if not reason and said["code"] is None:
            reason = "killed"  # somebody has killed what launched it
        used = {"seconds": time.monotonic() - began, "memory_bytes": self._memory}
        written = {"stdout_bytes": self._outputs[0].bytes, "stderr_bytes": self._outputs[1].bytes}
        said |= {"code": None} if reason else {}
        return {**said, "reason": reason, "survivors": left, **used, **written}

    def last(self, end: dict[str, Any]) -> None:
        """Tell how it ended."""
        os.set_blocking(1, True)
        with suppress(BrokenPipeError), open(1, "wb", closefd=False) as out:
            out.write(bytes(self._waiting) + _frame(b"s", json.dumps(end).encode()))

    def _start(self) -> None:
        request = {name: self._asked[name] for name in ("argv", "environment", "user", "is_root", "limits")}
        child = os.fork()
        if child == 0:
            try:
                self._apart()
            except BaseException as error:
                told = json.dumps({"code": CANNOT_START, "fault": f"it cannot be set apart: {error}"})
                self._theirs.sendall(told.encode() + b"\n")
            os._exit(CANNOT_START)
        self._theirs.close()
        for output in self._outputs:
            os.close(output.writing)
        with suppress(OSError):  # what has gone at once has said why
            self._ours.sendall(json.dumps(request).encode() + b"\n")
        self._ours.setblocking(False)

    def _apart(self) -> None:
        """Go where the job is to be, and become what launches it."""
        processes.die_with_parent()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, output in enumerate(self._outputs, 1):
            os.dup2(output.writing, number)
        os.set_inheritable(self._theirs.fileno(), True)
        os.chdir(self._asked["directory"])
        is_done = self._asked["level"] == "bubblewrap"  # by the launcher
        processes.separate(
            is_alone=self._asked["level"] == "namespace",
            has_network=is_done or self._asked["has_network"],
            has_users=self._asked["has_users"],
        )
        argv = [*self._asked["launcher"], str(self._theirs.fileno())]
        os.execve(argv[0], argv, {"PATH": os.defpath})

    def _watch(self, deadline: float) -> str:
        """Let it run until it ends, is to end or passes a bound; return which, nothing when it ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(self._ours, selectors.EVENT_READ)
            for output in self._outputs:
                selector.register(output.reading, selectors.EVENT_READ, output)
            while True:
                for key, _ in selector.select(TICK_SECONDS):
                    if key.fd == 0:
                        return "cancelled"
                    if key.data is None and self._hear():
                        return ""
                    if key.data is not None and not key.data.read():
                        selector.unregister(key.fd)
                if reason := self._looked(deadline):
                    return reason

    def _hear(self) -> bool:
        """Say whether the launcher has told the end, or is gone."""
        with suppress(ConnectionError):
            part = self._ours.recv(READ_BYTES)
            self._said += part
            return not part or part.endswith(b"\n")
        return True

    def _looked(self, deadline: float) -> str:
        """Tell what was written and look at the bounds, each when it is due; return which is passed."""
        now = time.monotonic()
        if now >= self._tell_at:
            self._tell_at = now + LIVE_SECONDS
            self._tell()
        if any(output.is_over for output in self._outputs):
            return "output"
        if now < self._look_at:
            return ""
        self._look_at, self._looks = now + TICK_SECONDS, self._looks + 1
        return "timeout" if now >= deadline else self._passed()

    def _passed(self) -> str:
        below = processes.descendants(os.getpid())
        used = processes.memory(below)
        self._memory = max(self._memory, used)
        if used > self._limits["memory_bytes"]:
            return "memory"
        if self._looks % DISK_EVERY:
            return ""
        taken = processes.disk(self._asked["scratch"], below)
        return "disk" if taken is None or taken > self._limits["disk_bytes"] else ""

    def _tell(self) -> None:
        """Tell what the job has written, unless the reader is behind."""
        for output in self._outputs:
            if not self._waiting and (part := output.fresh()):
                self._waiting += _frame(output.letter, part)
        with suppress(BlockingIOError, BrokenPipeError):
            del self._waiting[: os.write(1, self._waiting) if self._waiting else 0]

    def _drain(self) -> None:
        """Read what is left in the pipes: who could write is gone."""
        for output in self._outputs:
            before = -1
            while before != output.bytes and not output.is_over:
                before = output.bytes
                output.read()
            while part := output.fresh():
                self._waiting += _frame(output.letter, part)
        with suppress(OSError):
            self._said += self._ours.recv(READ_BYTES)


def _exactly(size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = os.read(0, size - len(found))
        if not part:
            sys.exit(CANNOT_START)
        found += part
    return bytes(found)


def _frame(letter: bytes, body: bytes) -> bytes:
    return FRAME.pack(letter, len(body)) + body


def main() -> None:
    """Keep what is asked for."""
    processes.adopt()
    for name in os.listdir("/proc/self/fd"):  # those of the locks are ours alone
        with suppress(OSError):
            os.set_inheritable(int(name), int(name) <= sys.stderr.fileno())
    size = int.from_bytes(_exactly(SIZE_BYTES))
    keeper = Keeper(json.loads(_exactly(size)))
    os.set_blocking(1, False)
    keeper.last(keeper.run())
