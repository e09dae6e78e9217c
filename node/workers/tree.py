"""What is below a directory, seen through open directories: no link that is swapped in leads out."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from node.workers.tool import Failed, in_thread, readable

FILES_MOST = 1_000_000
DEPTH_MOST = 256

HERE = "."
"""The path of the directory itself."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_TYPES = {
    stat.S_IFDIR: "directory",
    stat.S_IFREG: "file",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class TreeFailed(Failed):
    """The directory cannot be looked through."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One path below a directory (as the system spells it), itself not followed when it is a link."""

    path: str
    type: str
    size: int
    mode: int
    mtime_ns: int
    inode: int
    target: str = ""

    @property
    def is_lockable(self) -> bool:
        """Whether it can be locked: links, pipes, sockets and devices are left alone."""
        return self.type in ("file", "directory")

    @property
    def depth(self) -> int:
        """How far below the directory it is; 0 for the directory itself."""
        return 0 if self.path == HERE else self.path.count("/") + 1


async def walk(directory: Path) -> list[Entry]:
    """Return the directory and all that is below, parents first; raises TreeFailed."""
    return await in_thread(lambda is_cancelled: look(directory, is_cancelled))


def look(directory: Path, is_cancelled: threading.Event) -> list[Entry]:
    """Do the same in the present thread; stop early, with whatever there is, when cancelled."""
    found: list[Entry] = []
    with opened(directory) as root:
        found.append(_entry(HERE, os.fstat(root)))
        _descend(root, "", found, is_cancelled)
    return found


@contextmanager
def opened(directory: Path) -> Iterator[int]:
    """Have a directory open, which is not a link; raises TreeFailed."""
    try:
        root = os.open(directory, _DIRECTORY)
    except OSError as error:
        raise TreeFailed(f"cannot read {readable(str(directory))}: {error.strerror}") from error
    try:
        yield root
    finally:
        os.close(root)


def set_mode(root: int, path: str, add: int, remove: int) -> None:
    """Change the permission bits of a path below an open directory, unless a link is on the way or there."""
    with suppress(FileNotFoundError, NotADirectoryError):  # it went away, or is a link by now
        place = os.open(HERE, _PLACE, dir_fd=root)
        try:
            for part in path.split("/"):
                parent, place = place, os.open(part, _PLACE, dir_fd=place)
                os.close(parent)
            now = os.fstat(place).st_mode
            if _TYPES.get(stat.S_IFMT(now)) in ("file", "directory"):
                os.chmod(f"/proc/self/fd/{place}", stat.S_IMODE(now) & ~remove | add)
        finally:
            os.close(place)


def _descend(directory: int, prefix: str, found: list[Entry], is_cancelled: threading.Event) -> None:
    for name in sorted(os.listdir(directory)):
        if is_cancelled.is_set():
            return
        try:
            _visit(directory, name, prefix, found, is_cancelled)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it went away since it was listed
        except OSError as error:
            raise TreeFailed(f"cannot read {readable(prefix + name)}: {error.strerror}") from error


def _visit(directory: int, name: str, prefix: str, found: list[Entry], is_cancelled: threading.Event) -> None:
    path = prefix + name
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    target = os.readlink(name, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else ""
    entry = _entry(path, status, target)
    if len(found) >= FILES_MOST or entry.depth > DEPTH_MOST:
        raise TreeFailed(
            f"there are more than {FILES_MOST} files, or {DEPTH_MOST} levels: divide the repository"
        )
    found.append(entry)
    if entry.type == "directory":
        inner = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            _descend(inner, path + "/", found, is_cancelled)
        finally:
            os.close(inner)


def _entry(path: str, status: os.stat_result, target: str = "") -> Entry:
    type_ = _TYPES.get(stat.S_IFMT(status.st_mode), "device")
    return Entry(
        path=path,
        type=type_,
        size=status.st_size if type_ == "file" else 0,
        mode=stat.S_IMODE(status.st_mode),
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
        target=target,
    )
