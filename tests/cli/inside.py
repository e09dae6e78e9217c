"""The command line, run inside this process: what it prints and how it ends, without a start of Python."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from cli.main import main

OUTSIDE = frozenset({"up", "worker", "demo"})
"""They listen to signals or start processes that are to end with them: they are given a process."""
_ONE_AT_A_TIME = threading.Lock()
"""Streams, variables and the current directory are those of the whole process."""


class Text(io.TextIOWrapper):
    """A stream whose text can be read afterwards."""

    def __init__(self, given: str = "") -> None:
        super().__init__(io.BytesIO(given.encode()), encoding="utf-8", newline="", write_through=True)

    def text(self) -> str:
        self.flush()
        held = self.buffer
        assert isinstance(held, io.BytesIO)
        return held.getvalue().decode()


def may(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Say whether a command line can be run inside: it starts nothing and completes nothing."""
    return not (set(words[:1]) & OUTSIDE or any("_COMPLETE" in name for name in environment))


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    given: str = "",
    directory: Path | None = None,
    is_joined: bool = False,
    seconds: float,
) -> subprocess.CompletedProcess[str]:
    """Run a command line as a process would, in a thread with an event loop of its own."""
    out = Text()
    error = out if is_joined else Text()
    codes: list[int] = []
    own = _as_process(words, environment, given, directory)
    with _ONE_AT_A_TIME, own, redirect_stdout(out), redirect_stderr(error):
        thread = threading.Thread(target=lambda: codes.append(_code()), daemon=True)
        thread.start()
        thread.join(seconds)
    if not codes:
        raise subprocess.TimeoutExpired(list(words), seconds, out.text(), error.text())
    return subprocess.CompletedProcess(list(words), codes[0], out.text(), "" if is_joined else error.text())


def _code() -> int:
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # what Python does with it
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _as_process(
    words: Sequence[str], environment: Mapping[str, str], given: str, directory: Path | None
) -> Iterator[None]:
    """Give it what a process has for itself; nothing is logged but what Python shows by itself."""
    kept = sys.argv, sys.stdin, dict(os.environ), Path.cwd()
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        sys.argv, sys.stdin = ["covey", *words], Text(given)
        _become(environment)
        os.chdir(directory or kept[3])
        yield
    finally:
        sys.argv, sys.stdin = kept[:2]
        _become(kept[2])
        os.chdir(kept[3])
        root.handlers = handlers


def _become(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
