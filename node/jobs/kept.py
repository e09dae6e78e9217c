"""What runs of jobs leave: kept by digest, bounded in size and age, read in parts."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from messages.job_run import File
from node.jobs.processes import ENTRIES_MAX, PATH_CHARACTERS_MAX

KEPT_BYTES_MAX = 20 << 30
"""How much is kept in all; the oldest goes first."""
KEPT_SECONDS_MAX = 30 * 24 * 3600
"""How long it is kept."""
CHUNK_BYTES = 1 << 20
NAME_BYTES_MAX = 255


class Gone(Exception):
    """What was kept is not kept any more."""


class Kept:
    """The store of what jobs have left, in the data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "kept"

    def all_of(
        self, work: Path, most: int, known: dict[str, str], is_cancelled: threading.Event
    ) -> tuple[list[File], int]:
        """Keep the files that a job has left, but for those that were ``known``; say how many were too many.

        Only what is a file itself, no link and no device: the job may have put there what it liked.
        """
        kept: list[File] = []
        left_out = 0
        for path in sorted(files_below(work)):
            if is_cancelled.is_set():
                break
            if len(kept) >= most:
                left_out += 1
                continue
            name = os.fsencode(Path(path).relative_to(work)).decode(errors="backslashreplace")
            one = self.one(Path(path), name[:NAME_BYTES_MAX])
            if one is not None and known.get(name) != one.sha256:
                kept.append(one)
        return kept, left_out

    def one(self, path: Path, name: str) -> File | None:
        """Keep one file; None where it is none that can be kept."""
        try:
            number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with open(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                return None
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._directory / f"{uuid4().hex}.new"
            size, digest = 0, sha256()
            try:
                with fresh.open("xb") as copy:
                    while part := file.read(CHUNK_BYTES):
                        size += copy.write(part)
                        digest.update(part)
                    copy.flush()
                    os.fsync(copy.fileno())
                fresh.replace(self._directory / digest.hexdigest())
            finally:
                fresh.unlink(missing_ok=True)
        return File(name=name, size=size, sha256=digest.hexdigest())

    def read(self, digest: str, offset: int, size: int) -> bytes:
        """Return a part of what was kept; raises Gone."""
        try:
            with (self._directory / digest).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError as error:
            raise Gone(digest) from error

    def thin(self, now: float | None = None) -> int:
        """Let go of what is too old or too much; return how many files."""
        now = time.time() if now is None else now
        found = []
        for path in self._directory.glob("*"):
            with suppress(FileNotFoundError):
                told = path.stat()
                found.append((told.st_mtime, told.st_size, path))
        total, gone = 0, 0
        for at, size, path in sorted(found, reverse=True):
            total += size
            if total > KEPT_BYTES_MAX or at < now - KEPT_SECONDS_MAX:
                path.unlink(missing_ok=True)
                gone += 1
        return gone


def files_below(directory: Path) -> Iterator[str]:
    """Yield the files below a directory, following no link, and no more than can be looked at."""
    todo, seen = [str(directory)], 0
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > ENTRIES_MAX or len(entry.path) > PATH_CHARACTERS_MAX:
                    return
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path
