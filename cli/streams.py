"""The standard streams of a command line: closed ones, and an output that takes no more."""

from __future__ import annotations

import errno
import os
import sys

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def open_closed() -> None:
    """Put nothing in the place of a stream that was closed, so that whoever reads or writes it finds one."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115  # as long as the process
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def is_full(error: OSError) -> bool:
    """Say whether an error is that of a disk that takes no more."""
    return error.errno in FULL


def drop() -> None:
    """Forget what could not be written: Python would try again at the end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
