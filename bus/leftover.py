"""What an earlier run of the server left: a process that outlived its node, and the port it was given."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from contextlib import suppress
from pathlib import Path

from bus.config import LOOPBACK, write_private

END_SECONDS = 5.0
PORTS = range(20_000, 32_000)
"""Below those that a system lends to connections that go out: it is to be free after each restart, too."""
PORTS_TRIED_MAX = 50


async def terminate(pid_file: Path, argument: str) -> None:
    """End the process of a pid file if it still is the one that was started with this argument."""
    pid = _read_number(pid_file)
    if pid is None or not _has_argument(pid, argument):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        if await _ended(pid, number):
            return


def remembered_port(path: Path, wanted: int) -> int:
    """Return the wanted port, or a free one that stays the same for good: peers know our URL."""
    if wanted:
        return wanted
    known = _read_number(path)
    if known is not None:
        return known
    port = _free_port()
    write_private(path, str(port))
    return port


def _free_port() -> int:
    """Return a port that nobody listens on, at random: nodes that start side by side take different ones."""
    for port in [*(secrets.choice(PORTS) for _ in range(PORTS_TRIED_MAX)), 0]:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def _read_number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def _has_argument(pid: int, argument: str) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return argument.encode() in arguments


async def _ended(pid: int, number: signal.Signals) -> bool:
    """Send a signal and wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        signal.pidfd_send_signal(descriptor, number)
        await asyncio.wait_for(ended.wait(), END_SECONDS)
    except ProcessLookupError:
        return True
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return True
