"""How much is used below a directory, as the real ``du`` finds it."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from node.workers.tool import Failed, ToolFailed, readable, running

THRESHOLD = "10G"
DEPTH = 3
KIBIBYTE = 1024
LINE_BYTES = 16_384
"""More than the longest path of DEPTH names; a longer line is no line of du."""
LINES_MOST = 1_000_000
DU_SECONDS = 24 * 3600.0
MESSAGE_CHARACTERS = 1_000
PROBE_SECONDS = 10.0

TOOLS = {"du": "coreutils", "chattr": "e2fsprogs", "lsattr": "e2fsprogs", "git": "git"}
"""The programs that a files worker runs, and the packages that bring them."""

_LINE = re.compile(rb"(\d{1,15})\t([^\0]*)", re.DOTALL)


class DuFailed(Failed):
    """The usage could not be found out; the text is the message of the failed workflow."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"du failed: {reason}"[:MESSAGE_CHARACTERS])


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used below a path, which is relative to the directory that was asked about."""

    path: str
    bytes: int


async def usage(directory: Path, threshold: str = THRESHOLD) -> AsyncGenerator[Usage, None]:
    """Yield what is big below the directory, or else its sum; raises DuFailed, also after some lines.

    Leave it early only through ``contextlib.aclosing``, which ends the du.
    """
    is_empty = True
    for options in ((f"--threshold={threshold}", f"--max-depth={DEPTH}"), ("--summarize",)):
        if is_empty:
            async with aclosing(_lines(directory, options)) as lines:
                async for line in lines:
                    is_empty = False
                    yield parse(line)


def parse(line: bytes) -> Usage:
    """Read one line of du, without its NUL; raises DuFailed."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise DuFailed(f"its line {readable(line)!r} is malformed")
    path = readable(match[2]).removeprefix("./")
    return Usage(path or ".", int(match[1]) * KIBIBYTE)


def missing_tools() -> list[str]:
    """Say what a files worker needs and this machine has not, a remedy with each; [] when all is there."""
    missing = [
        f"{name} is not there: install {package}" for name, package in TOOLS.items() if not shutil.which(name)
    ]
    if shutil.which("du") and not _understands_options():
        missing.append("du does not know --threshold, --max-depth and -0: install GNU coreutils")
    return missing


def _understands_options() -> bool:
    argv = ("du", f"--threshold={THRESHOLD}", f"--max-depth={DEPTH}", "-0", ".")
    with tempfile.TemporaryDirectory() as directory:
        try:
            done = subprocess.run(
                argv, cwd=directory, timeout=PROBE_SECONDS, capture_output=True, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0 and not done.stdout


async def _lines(directory: Path, options: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
    deadline = asyncio.get_running_loop().time() + DU_SECONDS
    try:
        async with running(("du", *options, "-0", "."), directory, line_bytes=LINE_BYTES) as started:
            for _ in range(LINES_MOST):
                line = await _next(started.output, deadline)
                if line is None:
                    break
                yield line
            else:
                raise DuFailed(f"it says more than {LINES_MOST} lines")
            async with asyncio.timeout_at(deadline):
                code, complaints = await started.end()
    except ToolFailed as error:
        raise DuFailed(str(error)) from error
    except TimeoutError as error:
        raise DuFailed(f"it took longer than {DU_SECONDS:.0f} s") from error
    if code != 0:
        raise DuFailed(complaints or f"its exit code is {code}")


async def _next(output: asyncio.StreamReader, deadline: float) -> bytes | None:
    """Return the next line without its NUL, None at the end."""
    try:
        async with asyncio.timeout_at(deadline):
            return (await output.readuntil(b"\0"))[:-1]
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise DuFailed(f"its last line {readable(error.partial)!r} has no end") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise DuFailed(f"it says a line of more than {LINE_BYTES} bytes") from error
