"""No two jobs of a machine run as one user, whichever nodes they are of."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from node.jobs import users
from node.jobs.processes import descendants, processes_of
from node.jobs.users import FIRST, LAST, own_user
from tests.jobs.stage import BEST, marked, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives jobs users of their own")
ROOT = Path(__file__).parents[2]
SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all draw the same users in the same order."""
    monkeypatch.setattr("node.jobs.users.random.sample", _first)


def _first(numbers: Sequence[int], _count: int) -> list[int]:
    return list(numbers)[:40]


@pytest.mark.usefixtures("in_order")
def test_two_nodes_that_draw_the_same_user_have_two(tmp_path: Path) -> None:
    with ExitStack() as stack:
        taken = [stack.enter_context(own_user(tmp_path / node)).number for node in "abcde"]

        assert len(set(taken)) == len(taken)
        assert all(FIRST <= one <= LAST for one in taken)
    with own_user(tmp_path / "f") as again:
        assert again.number <= min(taken)


@pytest.mark.usefixtures("in_order")
def test_where_the_machine_has_no_place_for_it_the_data_directory_says_who_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "MACHINE", Path("/proc/self/covey"))  # nobody makes a directory there

    with own_user(tmp_path) as one, own_user(tmp_path) as other:
        assert one.number != other.number
        assert {path.name for path in tmp_path.iterdir()} >= {str(one.number), str(other.number)}


async def test_a_user_is_taken_as_long_as_the_keeper_of_its_job_lives(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}"
    script = (
        "import asyncio; from pathlib import Path; from tests.jobs.stage import ran, python\n"
        f"argv = python({SLEEP!r}, {mark[:7]!r} + {mark[7:]!r})\n"
        f"asyncio.run(ran(Path({str(tmp_path)!r}), {BEST!r}, argv))"
    )
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT)
    await until(lambda: _users(mark))
    (user,) = _users(mark)
    (keeper,) = _keepers(worker.pid)

    os.kill(keeper, signal.SIGSTOP)
    try:
        worker.kill()
        await worker.wait()
        for pid in descendants(keeper):
            with suppress(ProcessLookupError):  # one takes another along
                os.kill(pid, signal.SIGKILL)
        await until(lambda: not processes_of(user))
        is_taken = _is_taken(user)
    finally:
        os.kill(keeper, signal.SIGCONT)

    assert is_taken
    await until(lambda: not _is_taken(user))


def _users(mark: str) -> set[int]:
    """Return as whom a job runs that bears a mark."""
    found = set()
    for line in marked(mark):
        place = Path("/proc", line.partition(":")[0])
        try:
            found.add(place.stat().st_uid)
        except FileNotFoundError:
            continue
    return found & set(range(FIRST, LAST + 1))


def _keepers(worker: int) -> list[int]:
    """Return the processes that a worker itself has started."""
    below = descendants(worker)
    return [pid for pid in below if pid not in {one for other in below for one in descendants(other)}]


def _is_taken(user: int) -> bool:
    with (users.MACHINE / str(user)).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
