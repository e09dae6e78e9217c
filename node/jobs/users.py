"""A user for each job of a node that runs as root: it owns nothing else, and nothing else is its."""

from __future__ import annotations

import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.jobs.processes import processes_of

FIRST, LAST = 61_184, 65_519
"""The range that systemd gives to services without a user of their own."""


@contextmanager
def own_user(directory: Path) -> Iterator[int]:
    """Have a user of one's own as long as the context is open: its number, 0 where we are not root."""
    if os.geteuid():
        yield 0
        return
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in random.sample(range(FIRST, LAST + 1), LAST + 1 - FIRST):
        with (directory / str(number)).open("w") as file:
            if _is_taken(file.fileno()) or processes_of(number):
                continue
            yield number
            return
    raise OSError("no user is left for a job")


def _is_taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
