"""A user for each job of a node that runs as root: it owns nothing else, and nothing else is its."""

from __future__ import annotations

import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from node.jobs.processes import processes_of

FIRST, LAST = 61_184, 65_519
"""The range that systemd gives to services without a user of their own."""
MACHINE = Path("/run/covey/users")
"""Where all nodes of a machine see which users are taken: a lock each."""


class User(NamedTuple):
    """Whom a job runs as."""

    number: int
    """0: as we do."""
    locks: tuple[int, ...] = ()
    """The descriptor that says, as long as anybody has it open, that the user is taken."""


@contextmanager
def own_user(directory: Path) -> Iterator[User]:
    """Have a user of one's own as long as the context is open; that of the node where it is not root.

    ``directory`` is where it is seen that a user is taken if the machine has no place for that.
    """
    if os.geteuid():
        yield User(0)
        return
    registry = _registry(directory)
    for number in random.sample(range(FIRST, LAST + 1), LAST + 1 - FIRST):
        with (registry / str(number)).open("w") as file:
            if _is_taken(file.fileno()) or processes_of(number):
                continue
            yield User(number, (file.fileno(),))
            return
    raise OSError("no user is left for a job")


def _registry(directory: Path) -> Path:
    with suppress(OSError):  # as where all but the data is read-only
        MACHINE.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(MACHINE, os.W_OK):
            return MACHINE
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def _is_taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
