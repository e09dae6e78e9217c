"""What became of a schedule, whichever it is of."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.sim.inline import without_threads

SHOWN_MAX = 12
"""How much of what is wrong is shown."""
FRAMES = 4
"""How much of the way to an error is shown."""
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files of schedules are: nothing has to survive a power cut there."""


@dataclass(frozen=True)
class Report:
    """What became of one schedule."""

    seed: int
    digest: str
    wrong: Sequence[str]
    lines: Sequence[str] = ()
    of: str = ""
    """Which schedules it is of; empty: those of the federation."""

    def __str__(self) -> str:
        shown = "\n  ".join(self.wrong[:SHOWN_MAX])
        words = f"{self.of} {self.seed}".strip()
        return f"schedule {self.seed} (replay it: python -m tests.sim {words}):\n  {shown}"


@contextmanager
def stage() -> Iterator[Path]:
    """Have a directory, in memory where there is such a file system, and databases that need no threads."""
    directory = Path(tempfile.mkdtemp(prefix="covey-sim-", dir=MEMORY))
    try:
        with without_threads():
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def judged(act: Callable[[], Awaitable[list[str]]], noted: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a schedule; an error that escapes is, too, beside what was noted before."""
    try:
        return await act()
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__)[-FRAMES:])
        return [*noted, f"{type(error).__name__}: {error}\n{where}"]


def first_failure(play: Callable[[int], Report], seeds: Iterable[int]) -> Report | None:
    """Run schedules until one goes wrong."""
    return next((report for seed in seeds if (report := play(seed)).wrong), None)
