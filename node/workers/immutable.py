"""Lock and unlock a tree: with the immutable attribute where we may, else with permission bits."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from node.workers import bits, tool
from node.workers.bits import LockFailed
from node.workers.tree import Entry, walk

ATTRIBUTE = "immutable attribute"
BITS = "permission bits"
NOTHING = "nothing"

ARGV_BYTES = 100_000
ARGV_PATHS = 2_000
"""How much one chattr or lsattr is told, which is less than any system takes."""
ARGUMENT_BYTES = 16
"""What an argument takes besides its characters."""
TOOL_SECONDS = 60.0
PASSES = 5
"""How often a tree that changes under our hands is gone through before we give up."""
CHANGING = "somebody changes it all the time"


async def lock(directory: Path, *, memory: Path | None = None) -> str:
    """Lock the directory and all below; return how: ATTRIBUTE or BITS; raises Failed.

    Whether the attribute is to be had is tried on the directory itself, which leaves nothing behind.
    The file ``memory`` (``shadow.memory(...)``) keeps the permission bits until ``unlock`` gives them back.
    """
    entries = await walk(directory)  # a tree that we cannot go through is refused before it is half locked
    if _has_tools() and not await _chattr("+i", directory, entries[:1]):
        await _settle(directory, is_wanted=True)
        return ATTRIBUTE
    await tool.in_thread(lambda is_cancelled: bits.take(directory, memory, is_cancelled))
    return BITS


async def unlock(directory: Path, *, memory: Path | None = None) -> str:
    """Undo both kinds of lock; return which there was: ATTRIBUTE, BITS or NOTHING; raises Failed."""
    was_immutable = _has_tools() and await _settle(directory, is_wanted=False)
    may_guess = not was_immutable
    had_bits = await tool.in_thread(
        lambda is_cancelled: bits.give(directory, memory, may_guess, is_cancelled)
    )
    return ATTRIBUTE if was_immutable else BITS if had_bits else NOTHING


async def is_locked(directory: Path) -> bool:
    """Look: all files and directories are immutable, or none of them may be written."""
    entries = [entry for entry in await walk(directory) if entry.is_lockable]
    if not any(entry.mode & bits.WRITE for entry in entries):
        return True
    return _has_tools() and not await _differing(directory, entries, is_wanted=True)


def _has_tools() -> bool:
    return bool(shutil.which("chattr") and shutil.which("lsattr"))


async def _settle(directory: Path, *, is_wanted: bool) -> bool:
    """Set or clear the attribute wherever it differs; say whether it did anywhere; raises LockFailed.

    Parents are locked before children and unlocked after them, a level at a time: then no directory
    on the way to a path can be swapped for a link while the path is dealt with.
    """
    complaint = ""
    for done in range(PASSES):
        entries = [entry for entry in await walk(directory) if entry.is_lockable]
        differing = await _differing(directory, entries, is_wanted)
        if not differing:
            return done > 0
        for level in _levels(differing, is_deepest_first=not is_wanted):
            complaint = await _chattr("+i" if is_wanted else "-i", directory, level)
            if complaint:
                break  # what is deeper may have moved: look again
    done_to = "set" if is_wanted else "cleared"
    remedy = "run the worker with CAP_LINUX_IMMUTABLE" if "not permitted" in complaint else "try again"
    raise LockFailed(f"immutable attribute not {done_to}, {remedy}: {complaint or CHANGING}")


async def _differing(directory: Path, entries: Iterable[Entry], is_wanted: bool) -> list[Entry]:
    """Return what is immutable and should not be, or the other way round; what has no attributes is not."""
    left: list[Entry] = []
    for batch in _batches(entries):
        told = await tool.run(("lsattr", "-d", *map(_argument, batch)), directory, seconds=TOOL_SECONDS)
        immutable = _immutable(told.output, batch)
        left += [entry for entry in batch if (entry.path in immutable) != is_wanted]
    return left


def _immutable(output: bytes, entries: Iterable[Entry]) -> set[str]:
    """Read ``flags name`` lines: the names that we asked for, in order, so they may hold line breaks."""
    found: set[str] = set()
    at = 0
    for entry in entries:
        flags = output[at : output.find(b" ", at)]
        line = flags + b" " + os.fsencode(_argument(entry)) + b"\n"
        if output.startswith(line, at):  # else it is not told of: it has no attributes, or is gone
            at += len(line)
            if b"i" in flags:
                found.add(entry.path)
    if at != len(output):
        raise LockFailed("lsattr cannot be understood: somebody renames files at this moment")
    return found


async def _chattr(option: str, directory: Path, entries: Iterable[Entry]) -> str:
    """Set or clear the attribute; return what chattr complained of."""
    for batch in _batches(entries):
        done = await tool.run(("chattr", option, *map(_argument, batch)), directory, seconds=TOOL_SECONDS)
        if done.code:
            return next(iter(done.errors.splitlines()), f"chattr ended with {done.code}")
    return ""


def _levels(entries: Iterable[Entry], is_deepest_first: bool) -> Iterator[list[Entry]]:
    ordered = sorted(entries, key=_depth, reverse=is_deepest_first)
    for _, level in itertools.groupby(ordered, key=_depth):
        yield list(level)


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        length = len(os.fsencode(entry.path)) + ARGUMENT_BYTES
        if batch and (len(batch) == ARGV_PATHS or size + length > ARGV_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch


def _argument(entry: Entry) -> str:
    return f"./{entry.path}"  # never taken for an option


def _depth(entry: Entry) -> int:
    return entry.depth
