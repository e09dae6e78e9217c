"""The directory of one run of a job: made fresh, locked while the run lives, removed with all in it."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath

from messages.job import WorkingFile
from node.jobs.users import User, own_user
from node.workers.tool import Failed, run

REMOVE_SECONDS = 120.0
LOCK = "lock"
PARTS = ("work", "tmp", "shm")
"""What is the job's own; ``out`` beside them is ours."""


Put = Callable[[Path], None]
"""Puts more files into the directory of a run."""


_LOG = logging.getLogger("covey.jobs")


class Busy(Exception):
    """The run is under way in another process of this machine."""


class Scratch:
    """The directory of one run."""

    def __init__(self, path: Path, user: User, lock: int) -> None:
        self.path = path
        self.user = user.number
        """The user that the job has for itself; 0: it is ours."""
        self.locks = (lock, *user.locks)
        """What says, as long as anybody has it open, that the run lives and has its user."""

    @property
    def work(self) -> Path:
        """Where the job runs."""
        return self.path / "work"

    @property
    def stdout(self) -> Path:
        """What it wrote."""
        return self.path / "out" / "stdout"

    @property
    def stderr(self) -> Path:
        """What it complained of."""
        return self.path / "out" / "stderr"

    def make(self, files: Iterable[WorkingFile], put: Put) -> None:
        """Make it, with the files that are there before the job begins; raises ValueError for one outside."""
        for name in (*PARTS, "out"):
            (self.path / name).mkdir(mode=0o700)
        for file in files:
            path = self.work / inside(file.path)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(file.content, encoding="utf-8")
        put(self.work)
        if self.user:
            for name in PARTS:
                _give(self.path / name, self.user)


def inside(text: str) -> PurePosixPath:
    """Return a path that is below the directory of a run; raises ValueError."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in text:
        raise ValueError(f"{text!r} is not inside the directory of the run")
    return path


def _give(path: Path, user: int) -> None:
    os.chown(path, user, user)
    for directory, names, files in os.walk(path):
        for name in (*names, *files):
            os.chown(os.path.join(directory, name), user, user)


@asynccontextmanager
async def fresh(
    directory: Path, name: str, files: Iterable[WorkingFile], put: Put = lambda _work: None
) -> AsyncIterator[Scratch]:
    """Have the directory of a run; raises Busy when another process has it, ValueError for a file outside."""
    path = directory / "scratch" / name
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (path / LOCK).open("w") as lock:
        _lock(lock.fileno())
        await remove(path, is_kept=True)  # what an earlier attempt has left
        with own_user(directory / "users") as user:
            scratch = Scratch(path, user, lock.fileno())
            try:
                await asyncio.to_thread(scratch.make, list(files), put)
                yield scratch
            finally:
                await _left(path)


def _lock(number: int) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy from error


def is_busy(directory: Path, name: str) -> bool:
    """Say whether a run is under way in some process of this machine."""
    with suppress(FileNotFoundError, Busy), (directory / "scratch" / name / LOCK).open("w") as lock:
        _lock(lock.fileno())
        return False
    return (directory / "scratch" / name / LOCK).exists()


async def clean(directory: Path) -> int:
    """Remove what runs have left whose worker was killed; return how many."""
    count = 0
    for path in (directory / "scratch").glob("*"):
        with suppress(Busy, FileNotFoundError), (path / LOCK).open("w") as lock:
            _lock(lock.fileno())  # nobody begins it again meanwhile
            await remove(path)
            count += 1
    return count


async def _left(path: Path) -> None:
    """Remove what a run has left; how it has ended counts, whatever becomes of that."""
    try:
        await remove(path)
    except Failed as failed:
        _LOG.warning("%s; it is tried again later", failed)


def _within(path: Path) -> list[str]:
    return [str(one) for one in path.iterdir() if one.name != LOCK]


async def remove(path: Path, *, is_kept: bool = False) -> None:
    """Remove what a job has left, however deep and whatever its permissions; raises Failed."""
    wanted = _within(path) if is_kept else [str(path)]
    if not wanted:
        return
    done = await run(["rm", "-rf", "--", *wanted], path.parent, seconds=REMOVE_SECONDS)
    if done.code:  # directories that it has shut
        await run(["chmod", "-R", "u+rwx", "--", *wanted], path.parent, seconds=REMOVE_SECONDS)
        done = await run(["rm", "-rf", "--", *wanted], path.parent, seconds=REMOVE_SECONDS)
    if done.code:
        raise Failed(f"{path} cannot be removed: {done.errors}")
