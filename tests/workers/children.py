"""What processes the tests have started, as the kernel tells; and ways to run code with fewer rights."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0


def children() -> set[int]:
    """Return the processes that this one has started and that are not gone."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def command(code: str, *arguments: str) -> tuple[str, ...]:
    """Return what runs code of ours in a Python of its own."""
    return (sys.executable, "-c", code, *arguments)
