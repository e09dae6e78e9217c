"""Real nodes, started by ``covey up`` in processes of their own, and the command line that talks to them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cli import inside

ROOT = Path(__file__).parents[2]
COVEY = (sys.executable, "-c", "from cli.main import main; main()")
RUN_SECONDS = 60.0


def environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("COVEY_")}
    return own | {"PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "200"}


def start(*words: str, log: Path | None = None, **more: str) -> subprocess.Popen[str]:
    """Start a command line; without a log its talk must be read before the pipe is full."""
    with open(log or os.devnull, "w") as file:
        return subprocess.Popen(
            [*COVEY, *words],
            env=environment() | more,
            stdout=subprocess.PIPE,
            stderr=file if log else subprocess.PIPE,
            text=True,
        )


@dataclass
class Covey:
    """The command line, for one data directory."""

    data: Path

    def run(self, *words: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command line to its end: in this process where it can be, for Python starts slowly."""
        own = environment() | {"COVEY_DATA": str(self.data)} | more
        if not inside.may(words, own):
            return self.run_outside(*words, given=given, **more)
        return inside.run(words, own, given=given, seconds=RUN_SECONDS)

    def run_outside(
        self, *words: str, given: str = "", seconds: float = RUN_SECONDS, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line in a process of its own."""
        return subprocess.run(
            [*COVEY, *words],
            env=environment() | {"COVEY_DATA": str(self.data)} | more,
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def done(self, *words: str, given: str = "") -> str:
        ran = self.run(*words, given=given)
        assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def json(self, *words: str, given: str = "") -> Any:
        return json.loads(self.done(*words, "--json", given=given))

    @contextmanager
    def watching(self, *words: str) -> Iterator[list[str]]:
        """Yield what ``covey watch`` will have shown; the block ends when it has ended by itself."""
        with start("watch", *words, "--for", "30", COVEY_DATA=str(self.data)) as process:
            shown: list[str] = []
            try:
                assert process.stderr is not None
                assert "listening" in process.stderr.readline()
                yield shown
                shown += process.communicate(timeout=40)[0].splitlines()
            finally:
                process.kill()


@dataclass
class Node(Covey):
    """A node that runs."""

    process: subprocess.Popen[str]
    ready: str
    """The line that said so."""

    def kill(self) -> None:
        """Kill it, and return once the server that it started has followed it."""
        url = urlsplit(json.loads((self.data / "endpoint.json").read_text())["nats_url"])
        with socket.create_connection((url.hostname, url.port), RUN_SECONDS) as server:
            self.process.kill()
            self.process.wait()
            while server.recv(4096):
                pass

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)


@contextmanager
def up(data: Path, name: str, *words: str) -> Iterator[Node]:
    with start(
        "up", "--node", name, "--data", str(data), *words, log=data.with_name(f"{name}.log")
    ) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready, data.with_name(f"{name}.log").read_text()
            yield Node(data, process, ready)
            process.terminate()
            process.wait(timeout=RUN_SECONDS)
        finally:
            process.kill()
