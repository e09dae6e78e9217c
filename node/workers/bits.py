"""Write permission bits as a lock: taken, remembered in a file, and given back as they were."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from node.workers import tree
from node.workers.tool import Failed, readable, write_whole
from node.workers.tree import Entry

PASSES = 5
"""How often a tree that changes under our hands is gone through before we give up."""

WRITE = 0o222
USER_WRITE = 0o200

Taken = dict[str, tuple[int, int]]
"""The bits that were taken of each path, and the inode that had them."""


class LockFailed(Failed):
    """A tree cannot be locked or unlocked; the text says why."""


def take(directory: Path, memory: Path | None, is_cancelled: threading.Event) -> None:
    """Take the write bits of all below, the directory first; raises LockFailed."""
    for _ in range(PASSES):
        entries = tree.look(directory, is_cancelled)
        writable = [entry for entry in entries if entry.is_lockable and entry.mode & WRITE]
        if memory is not None:
            _save(memory, _remembered(memory, writable))
        if not writable:
            return
        _change(directory, {entry.path: -(entry.mode & WRITE) for entry in writable}, is_cancelled)
        if is_cancelled.is_set():
            return
    raise LockFailed(f"{readable(str(directory))} was written to in each of {PASSES} passes: stop who writes")


def give(directory: Path, memory: Path | None, may_guess: bool, is_cancelled: threading.Event) -> bool:
    """Give back what was taken, the directory last; say whether anything was; raises LockFailed.

    Without memory the owner may write again, where the directory itself looks locked: it was taken first.
    """
    taken = _recall(memory)
    entries = tree.look(directory, is_cancelled)
    if taken is None and (not may_guess or entries[0].mode & WRITE):
        return False
    given = {entry.path: _missing(entry, taken) for entry in reversed(entries) if entry.is_lockable}
    _change(directory, {path: bits for path, bits in given.items() if bits}, is_cancelled)
    if memory is not None and not is_cancelled.is_set():
        memory.unlink(missing_ok=True)
    return True


def _missing(entry: Entry, taken: Taken | None) -> int:
    """Return the bits to add; another inode than the one remembered gets no more than its owner's."""
    bits, inode = (USER_WRITE, 0) if taken is None else taken.get(entry.path, (0, entry.inode))
    if inode == entry.inode:
        return bits & ~entry.mode
    return USER_WRITE if bits and not entry.mode & WRITE else 0


def _change(directory: Path, changes: Mapping[str, int], is_cancelled: threading.Event) -> None:
    """Add the bits of each path, or take them where they are negative."""
    with tree.opened(directory) as root:
        for path, bits in changes.items():
            if is_cancelled.is_set():
                return
            try:
                tree.set_mode(root, path, add=max(bits, 0), remove=max(-bits, 0))
            except OSError as error:
                told = f"cannot change the permission bits of {readable(path)}: {error.strerror}"
                raise LockFailed(f"{told}; run the worker as the owner of the files") from error


def _remembered(memory: Path, writable: Iterable[Entry]) -> Taken:
    """Return what is remembered, and what is to be taken now."""
    taken = _recall(memory) or {}
    for entry in writable:
        bits, inode = taken.get(entry.path, (0, entry.inode))
        before = bits if inode == entry.inode else 0
        taken[entry.path] = (before | entry.mode & WRITE, entry.inode)
    return taken


def _save(memory: Path, taken: Taken) -> None:
    try:  # bits are only taken when the disk remembers them
        write_whole(memory, (json.dumps([path, *had]) + "\n" for path, had in taken.items()))
    except OSError as error:
        raise LockFailed(f"{readable(str(memory))} cannot be written: {error.strerror}") from error


def _recall(memory: Path | None) -> Taken | None:
    """Return what is remembered, None when nothing is; raises LockFailed when it cannot be read."""
    if memory is None or not memory.exists():
        return None
    try:
        with memory.open(encoding="ascii") as file:
            return {path: (int(bits) & WRITE, int(inode)) for path, bits, inode in map(json.loads, file)}
    except (OSError, ValueError, TypeError) as error:
        raise LockFailed(
            f"{readable(str(memory))} cannot be read: {error}; remove it to give owners u+w"
        ) from error
