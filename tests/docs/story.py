"""Runs the code blocks of a page from top to bottom in an empty directory, as a reader would.

A ``console`` block has commands after ``$`` and what they print; a command that ends in ``&`` goes on in the
background. A block of a language that begins with a comment naming a file is written to that file. What
differs from run to run (ids, instants with fractions, ports, figures of the machine) is not compared; a line
``…`` stands for any lines. ``python -m tests.docs.story PAGE`` writes what the commands print into the page.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cli.demo.tree import clear
from tests.cli import inside

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 120
READY_SECONDS = 60
STOP_SECONDS = 20
ARRIVAL_SECONDS = 60
"""How long a question is asked again until what it asks for has arrived."""
AGAIN_SECONDS = 0.1
HOME = "/home/you"
"""What a page shows in place of the directory that it is run in."""
ANY_LINES = "…"
ANY_ORDER = "in any order"
NEEDS = "needs "

_BLOCK = re.compile(r"(?:<!-- (?P<hint>[^>]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
_PLAIN = re.compile(r"covey [^|&;<>()$`*?~#\n]+")
"""A command of ours in which nothing is left for a shell to do."""
_FILE = re.compile(r"(?:#|//) ([\w./-]+\.\w+)")
_QUESTION = re.compile(r"^covey [\w-]+ (list|get|index|result) ")
_VARYING = (
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"\bcovey1-\S+", "TOKEN"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "INSTANT"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\bpid \d+", "PID"),
    (r"\b\d+(\.\d+)? (ms|s|[KMG]iB)\b", "FIGURE"),
    (r"\b(page_count|Python|SQLite|schema|covey|nats-server) [\d.]+", r"\1 NUMBER"),
    (r"(?m)^(peer \w+: .* version) \d+", r"\1 NUMBER"),
    (r"(?m)^[ │├└─]+", ""),
    (r"[ \t]+", " "),
)


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str
    hint: str


class Command(NamedTuple):
    """A command and what the page says that it prints."""

    line: str
    expected: str


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [Block(found["language"], found["text"], found["hint"] or "") for found in _BLOCK.finditer(page)]


def commands(block: Block) -> list[Command]:
    """Return the commands of a console block."""
    parts = re.split(r"^\$ ", block.text, flags=re.M)
    assert not parts[0].strip(), f"a console block begins with a command, not with {parts[0]!r}"
    found = []
    for part in parts[1:]:
        lines = part.splitlines()
        size = next(n for n, line in enumerate(lines, 1) if not line.endswith("\\"))
        found.append(Command("\n".join(lines[:size]), "\n".join(lines[size:])))
    return found


def plain(output: str, *, is_sorted: bool = False) -> list[str]:
    """Return the lines of an output without what differs from run to run."""
    for pattern, word in _VARYING:
        output = re.sub(pattern, word, output)
    lines = [line.strip() for line in output.splitlines()]
    kept = [line for line in lines if line and not line.startswith("npm warn")]
    return sorted(kept) if is_sorted else kept


def is_alike(expected: list[str], actual: list[str]) -> bool:
    """Say whether the lines are the same; the line ``…`` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == ANY_LINES else re.escape(line) + r"\n" for line in expected)
    return re.fullmatch(pattern, "".join(line + "\n" for line in actual)) is not None


class Reader:
    """Who follows a page in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[subprocess.Popen[str]] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COVEY_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self._environment = kept | {"HOME": str(directory), "PATH": path}

    def write(self, block: Block) -> None:
        """Write a block that names a file."""
        named = _FILE.match(block.text)
        if named is not None:
            (self._directory / named[1]).write_text(block.text)

    def run(self, line: str) -> str:
        """Run a command and return what it prints, as the page shows it."""
        printed = self._start(line.removesuffix("&")) if line.endswith("&") else self._finish(line)
        return printed.replace(str(self._directory), HOME)

    def check(self, command: Command, *, is_sorted: bool = False) -> None:
        """Run a command and compare what it prints; a question may need time for its answer."""
        expected = plain(command.expected, is_sorted=is_sorted)
        until = time.monotonic() + (ARRIVAL_SECONDS if _QUESTION.match(command.line) else 0)
        while not is_alike(expected, actual := plain(self.run(command.line), is_sorted=is_sorted)):
            if time.monotonic() >= until:
                break
            time.sleep(AGAIN_SECONDS)
        else:
            return
        wanted, seen = "\n".join(expected), "\n".join(actual)
        raise AssertionError(f"$ {command.line}\nshould print:\n{wanted}\nprinted:\n{seen}")

    def stop(self) -> None:
        """End all that still runs, and unlock what is still frozen."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        clear(self._directory)

    def _finish(self, line: str) -> str:
        words = shlex.split(line.replace("\\\n", " "))[1:] if _PLAIN.fullmatch(line) else None
        if words and inside.may(words, self._environment):
            return inside.run(
                words, self._environment, directory=self._directory, is_joined=True, seconds=COMMAND_SECONDS
            ).stdout
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return done.stdout

    def _start(self, line: str) -> str:
        log = self._directory / f"background-{len(self._running)}.log"
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line} 2> {log}"],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        late = threading.Timer(READY_SECONDS, process.kill)
        late.start()
        assert process.stdout is not None
        printed = process.stdout.readline()
        late.cancel()
        return printed or log.read_text()


@contextmanager
def reader(directory: Path) -> Iterator[Reader]:
    """Give a directory to somebody who follows a page, and end what they started."""
    found = Reader(directory)
    try:
        yield found
    finally:
        found.stop()


def lacks(block: Block) -> str:
    """Return the program that a block needs and this machine has not."""
    needed = block.hint.removeprefix(NEEDS).partition(",")[0] if block.hint.startswith(NEEDS) else ""
    return needed if needed and shutil.which(needed) is None else ""


def follow(page: str, reader: Reader) -> None:
    """Run all blocks of a page; raise AssertionError where it does not say what happens."""
    for block in blocks(page):
        if lacks(block):
            continue
        reader.write(block)
        if block.language == "console":
            for command in commands(block):
                reader.check(command, is_sorted=ANY_ORDER in block.hint)


def rewritten(page: str, reader: Reader) -> str:
    """Return a page with what its commands print now; blocks with a line ``…`` stay as they are."""
    parts, done = [], 0
    for found in _BLOCK.finditer(page):
        block = Block(found["language"], found["text"], found["hint"] or "")
        reader.write(block)
        text = printed(block, reader) if block.language == "console" else block.text
        start, end = found.span("text")
        parts += [page[done:start], block.text if ANY_LINES in block.text.splitlines() else text]
        done = end
    return "".join([*parts, page[done:]])


def printed(block: Block, reader: Reader) -> str:
    """Return a console block with what its commands print now."""
    text = ""
    for command in commands(block):
        if _QUESTION.match(command.line):
            time.sleep(2)  # nobody says yet what the answer should be
        said = reader.run(command.line).splitlines()
        lines = (line.rstrip() for line in (f"$ {command.line}", *said))
        text += "".join(f"{line}\n" for line in lines if line)
    return text


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch, reader(Path(scratch).resolve()) as somebody:
            path = Path(name)
            path.write_text(rewritten(path.read_text(), somebody))
