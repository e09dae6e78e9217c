"""Processes below one of ours: found, measured, set apart, killed. Nothing but the standard library."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import stat
import struct
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

KILL_SECONDS = 10.0
"""How long it may take until all that was killed is gone."""
PAUSE_SECONDS = 0.002
ENTRIES_MAX = 20_000
"""How many files a job may leave; more is like a full disk."""
PATH_CHARACTERS_MAX = 3_000
BLOCK_BYTES = 512
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
INTERFACE = struct.Struct("16sh22x")
"""The name of one, and its flags."""
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LIBC = ctypes.CDLL(None, use_errno=True)


def adopt() -> None:
    """Be given whatever is orphaned below us."""
    _check(_LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def die_with_parent() -> None:
    """Be killed when the process is that started us."""
    _check(_LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def separate(*, is_alone: bool, has_network: bool, has_users: bool) -> None:
    """Go on in namespaces of our own.

    ``is_alone``: as the first process of one of processes: when it ends, all of them do. Without
    ``has_network``: in a network that has nothing but its own loopback. ``has_users``: in one of users too,
    as without it the others need a right.
    """
    wanted = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC if is_alone else 0
    wanted |= 0 if has_network else CLONE_NEWNET
    if not wanted:
        return
    user, group = os.getuid(), os.getgid()
    _check(_LIBC.unshare(wanted | (CLONE_NEWUSER if has_users else 0)))
    if has_users:
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
    if not has_network:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_one:
            fcntl.ioctl(any_one, SIOCSIFFLAGS, INTERFACE.pack(b"lo", IFF_UP))
    if is_alone:
        _go_first()


def _go_first() -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os._exit(0)
    die_with_parent()
    _check(_LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    _check(_LIBC.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def descendants(pid: int) -> list[int]:
    """Return the processes below one, as far as a look that takes its time can tell."""
    below: defaultdict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                below[int(file.read().rpartition(b")")[2].split()[1])].append(int(name))
    found, todo = [], [pid]
    while todo:
        children = below.pop(todo.pop(), [])
        found += children
        todo += children
    return found


def kill_all(user: int) -> int:
    """Kill all that is below us, until nothing is; return how many would not go.

    ``user`` is one that the job has for itself, or 0: all of its processes can be met at once then.
    """
    until = time.monotonic() + KILL_SECONDS
    while _reap():
        if user:
            _kill_user(user)
        found = descendants(os.getpid())
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > until:
            return len(found)
        time.sleep(PAUSE_SECONDS)  # what is killed needs a moment
    return 0


def _reap() -> bool:
    """Bury who is dead; say whether anybody is left: what is below us has one of our children above it."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _kill_user(user: int) -> None:
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    with suppress(ChildProcessError):
        os.waitpid(child, 0)


def memory(pids: Iterable[int]) -> int:
    """Return how many bytes of memory they have in use together."""
    total = 0
    for pid in pids:
        with suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/statm", "rb") as file:
            total += int(file.read().split()[1]) * _PAGE_BYTES
    return total


def processes_of(user: int) -> int:
    """Return how many threads a user has, which is what the bound on processes counts."""
    count = 0
    for name in os.listdir("/proc"):
        with suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def disk(directory: str, pids: Iterable[int]) -> int | None:
    """Return how many bytes lie in a directory or are held open by some; None: there is too much to count."""
    total = 0
    todo, seen = [directory], 0
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > ENTRIES_MAX or len(entry.path) > PATH_CHARACTERS_MAX:
                        return None
                    with suppress(FileNotFoundError):
                        total += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                        todo += [entry.path] if entry.is_dir(follow_symlinks=False) else []
        except FileNotFoundError:
            continue  # it was just removed
        except OSError:
            return None
    return total + _unlinked(pids)


def _unlinked(pids: Iterable[int]) -> int:
    """Return how many bytes files have that are open and have no name any more."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    one = os.stat(f"/proc/{pid}/fd/{name}")
                    if stat.S_ISREG(one.st_mode) and not one.st_nlink:
                        found[one.st_dev, one.st_ino] = one.st_blocks * BLOCK_BYTES
    return sum(found.values())
