"""What runs of jobs leave: kept by run and digest, bounded in size and age, and gone with the run."""

from __future__ import annotations

import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from actors.retention import KEPT
from messages.job_run import File
from node.jobs.processes import ENTRIES_MAX, PATH_CHARACTERS_MAX

KEPT_BYTES_MAX = 20 << 30
"""How much is kept in all; the oldest goes first."""
KEPT_SECONDS_MAX = KEPT.total_seconds()
"""How long it is kept at most, whatever is heard of its run."""
CHUNK_BYTES = 1 << 20
NAME_BYTES_MAX = 255
FLAT = "kept"
"""Where files are by digest alone, from before they were kept by run."""


class Gone(Exception):
    """What was kept is not kept any more."""


class Kept:
    """The store of what jobs have left, in the data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "left"
        self._flat = directory / FLAT

    def all_of(
        self, run: str, work: Path, most: int, known: dict[str, str], is_cancelled: threading.Event
    ) -> tuple[list[File], int]:
        """Keep the files that a run has left, but for those that were ``known``; say how many were too many.

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
            one = self.one(run, Path(path), name[:NAME_BYTES_MAX])
            if one is not None and known.get(name) != one.sha256:
                kept.append(one)
        return kept, left_out

    def one(self, run: str, path: Path, name: str) -> File | None:
        """Keep one file of a run; None where it is none that can be kept."""
        try:
            number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with open(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                return None
            place = self._directory / run
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = place / f"{uuid4().hex}.new"
            size, digest = 0, sha256()
            try:
                with fresh.open("xb") as copy:
                    while part := file.read(CHUNK_BYTES):
                        size += copy.write(part)
                        digest.update(part)
                    copy.flush()
                    os.fsync(copy.fileno())
                fresh.replace(place / digest.hexdigest())
            finally:
                fresh.unlink(missing_ok=True)
        return File(name=name, size=size, sha256=digest.hexdigest())

    def read(self, run: str, digest: str, offset: int, size: int) -> bytes:
        """Return a part of what a run has left; raises Gone."""
        for place in (*([self._directory / run] if run else []), self._flat):
            with suppress(FileNotFoundError), (place / digest).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        raise Gone(digest)

    def runs(self) -> list[str]:
        """Return the runs of which something is kept."""
        return [path.name for path in self._directory.glob("*")]

    def forget(self, run: str) -> None:
        """Let go of all that a run has left; what cannot be removed now is removed another time."""
        shutil.rmtree(self._directory / run, ignore_errors=True)

    def thin(self, now: float | None = None) -> int:
        """Let go of what is too old or too much; return how many files."""
        now = time.time() if now is None else now
        found = []
        for path in (*self._directory.glob("*/*"), *self._flat.glob("*")):
            with suppress(FileNotFoundError):
                told = path.stat()
                found.append((told.st_mtime, told.st_size, path))
        total, gone = 0, 0
        for at, size, path in sorted(found, reverse=True):
            total += size
            if total > KEPT_BYTES_MAX or at < now - KEPT_SECONDS_MAX:
                path.unlink(missing_ok=True)
                gone += 1
                with suppress(OSError):  # there are others in it
                    path.parent.rmdir()
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
