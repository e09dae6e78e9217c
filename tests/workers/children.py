"""What processes the tests have started, as the kernel tells; and a worker in a process with fewer rights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HAND = """
import asyncio, json, sys
from pathlib import Path
from node.workers import immutable, shadow, tool

async def do(name, arguments):
    if name == "commit":
        return await shadow.commit(
            Path(arguments[0]), Path(arguments[1]), message="m", workflow=arguments[2],
            author=shadow.Author("Ann", "ann@example.org"),
        )
    directory, memory = arguments
    return await getattr(immutable, name)(Path(directory), memory=memory and Path(memory))

print("ready", flush=True)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    try:
        print(asyncio.run(do(name, arguments)), flush=True)
    except tool.Failed as failed:
        print(f"Failed: {failed}", flush=True)
"""


_earlier: set[int] = set()
"""What earlier tests have left running, such as the helpers of a pool of processes."""


def forget_children() -> None:
    """Count no process that runs now."""
    _earlier.update(_running())


def children() -> set[int]:
    """Return the processes that this test has started and that are not gone."""
    return _running() - _earlier


def _running() -> set[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def may_read_everything() -> bool:
    """Try whether permissions stop us from reading, which they do not for root."""
    with tempfile.TemporaryDirectory() as directory:
        inner = Path(directory, "inner")
        inner.mkdir(mode=0o000)
        return os.access(inner, os.R_OK)


def may_set_attribute(directory: Path) -> bool:
    """Try whether the immutable attribute is to be had in a directory, and set by us."""
    chattr = shutil.which("chattr")
    if chattr is None:
        return False
    with tempfile.NamedTemporaryFile(dir=directory) as probe:
        argv = (chattr, "+i", probe.name)
        is_done = subprocess.run(argv, check=False, capture_output=True).returncode == 0
        if is_done:
            subprocess.run((chattr, "-i", probe.name), check=True)
        return is_done


class Hand:
    """A worker in a process, in a group of its own, perhaps without the right to set attributes."""

    def __init__(self, *, is_weak: bool) -> None:
        rights: tuple[str, ...] = ()
        if is_weak and may_set_attribute(Path(tempfile.gettempdir())):
            if not shutil.which("setpriv"):
                pytest.skip("there is no setpriv to give up the right to set attributes")
            rights = ("setpriv", "--bounding-set=-linux_immutable", "--inh-caps=-linux_immutable")
        self.process = subprocess.Popen(
            (*rights, sys.executable, "-c", HAND),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.answer() == "ready"

    def ask(self, name: str, *arguments: str | None) -> None:
        """Have it begin something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Return how it went."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def kill(self, after_seconds: float = 0) -> None:
        """Kill it with its whole group, after a while; it is gone then."""
        try:
            self.process.wait(after_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
