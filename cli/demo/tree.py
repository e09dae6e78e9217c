"""Real files: a thousand of them, and whether they can be written."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

DIRECTORIES, FILES_EACH = 10, 100
BYTES = 5_000
BLOCK_BYTES = 512
GET_FLAGS, IMMUTABLE = 0x80086601, 0x10
"""The request and the flag of Linux with which ``lsattr`` asks."""
WRITE = 0o222
PROBE = ".probe"


def grow(directory: Path) -> None:
    """Make the directories and files."""
    for number in range(DIRECTORIES):
        below = directory / f"run-{number:02d}"
        below.mkdir(parents=True)
        for file in range(FILES_EACH):
            (below / f"field-{file:03d}.grib").write_bytes(os.urandom(BYTES + file))


def paths(directory: Path) -> Iterator[Path]:
    """Yield the directory and all that is below."""
    yield directory
    yield from sorted(directory.rglob("*"))


def is_immutable(path: Path) -> bool:
    """Say whether the file system itself refuses all changes; not all of them can."""
    handle = os.open(path, os.O_RDONLY)
    try:
        told = fcntl.ioctl(handle, GET_FLAGS, bytes(8))
    except OSError:
        return False
    finally:
        os.close(handle)
    return bool(struct.unpack("l", told)[0] & IMMUTABLE)


def is_writable(path: Path) -> bool:
    """Try to write, and change nothing; root may where permission bits forbid it, so they count too."""
    is_directory = path.is_dir()
    target = path / PROBE if is_directory else path
    try:
        os.close(os.open(target, os.O_WRONLY | (os.O_CREAT if is_directory else os.O_APPEND)))
    except PermissionError:
        return False
    if is_directory:
        target.unlink()
    return bool(path.stat().st_mode & WRITE)


def is_touched(directory: Path) -> bool:
    """Say whether somebody has begun to lock it."""
    return is_immutable(directory) or not directory.stat().st_mode & WRITE


def used(directory: Path) -> int:
    """Return the bytes that it takes on the disk."""
    return sum(path.stat().st_blocks * BLOCK_BYTES for path in paths(directory))


def clear(directory: Path) -> None:
    """Make it such that it can be removed, whatever it was locked with."""
    if shutil.which("chattr"):
        subprocess.run(
            ("chattr", "-R", "-i", str(directory)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    for path in paths(directory):
        if path.is_dir() and not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o700)
