"""Who plays the third act: a laboratory that runs workflows, a centre with a cluster, weather stations."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec

from cli.client import read_endpoint
from cli.demo.program import Unexpected
from cli.demo.stage import WAIT_SECONDS, Player
from cli.demo.story import Story
from cli.demo.weather import Weather
from cli.follow import Following, Part, Row

NOT_YET = 404
"""A path is served a moment after the workflow is saved."""
AGAIN_SECONDS = 0.02
ENDS = ("run.succeeded", "run.failed", "run.cancelled")
SHOWN = {
    "run.begun": "begun",
    "run.called": "calls",
    "run.retried": "tries again",
    "run.waiting": "waits",
    "run.woken": "goes on",
    "run.iterated": "next round",
    "run.task_skipped": "skipped",
    "run.task_ended": "done",
    "run.task_failed": "failed",
    "run.succeeded": "success",
    "run.failed": "failure",
}


@dataclass
class Flight(Story):
    """The two nodes, and how their runs are followed."""

    laboratory: Player
    centre: Player
    stations: Weather
    _seen: dict[str, int] = field(default_factory=dict)
    """Up to which version each run was shown."""
    _began: dict[str, datetime] = field(default_factory=dict)
    _pointers: dict[int, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        """Return the file that the definition names."""
        return self.laboratory.data / "databases" / "storms.db"

    def rows(self) -> list[tuple[str, int]]:
        """Return what was written."""
        with closing(sqlite3.connect(self.database)) as database:
            return list(database.execute("SELECT grade, wind FROM reports"))

    async def launch(self, workflow: str, run: str, given: dict[str, Any]) -> None:
        """Have a workflow run."""
        await self.call(self.laboratory, ("workflow", workflow, "launch"), {"run": run, "input": given})

    async def post(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        """Send a request to the laboratory's listener and return its answer."""
        url = read_endpoint(self.laboratory.data).http_url + path
        data = msgspec.json.encode(given)
        request = Request(url, data, {"Content-Type": "application/json"}, method="POST")  # our own
        self.aside("somebody", f"POST {path}")

        def send() -> bytes | None:
            try:
                with urlopen(request, timeout=WAIT_SECONDS) as answer:
                    told: bytes = answer.read()
                    return told
            except HTTPError as error:
                if error.code == NOT_YET:
                    return None
                raise Unexpected(f"POST {path}: {error.code} {error.read().decode()}") from error

        async with asyncio.timeout(WAIT_SECONDS):
            while (told := await asyncio.to_thread(send)) is None:  # noqa: ASYNC110  # nobody tells of it
                await asyncio.sleep(AGAIN_SECONDS)
        return msgspec.json.decode(told, type=dict[str, Any])

    async def follow(self, run: str, until: str = "", pointer: str = "") -> None:
        """Show what happens to a run, from where it was left, to its end or to an event at a task."""
        assert self.laboratory.client is not None

        def put(row: Row) -> None:
            self._seen[run] = row["version"]
            self._show(run, row)
            is_wanted = row["type"] == until and row["body"].get("pointer", "") == pointer
            if is_wanted or row["type"] in ENDS:
                following.end()

        following = Following(self.laboratory.client, ("run", run), Part(self._seen.get(run, 0)), put)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await following.run()
        except TimeoutError:
            raise Unexpected(f"{run} did not end within {WAIT_SECONDS:g} s") from None

    def _show(self, run: str, row: Row) -> None:
        body = row["body"]
        pointer = body.get("pointer") or self._pointers.get(body.get("frame", 0), "")
        self._pointers[body.get("frame", 0)] = pointer
        is_list = pointer.rpartition("/")[2] in ("do", "try", "")
        if row["type"] not in SHOWN or (is_list and row["type"] == "run.task_ended"):
            return
        at = datetime.fromisoformat(row["at"])
        seconds = (at - self._began.setdefault(run, at)).total_seconds()
        task = pointer.rpartition("/")[2]
        more = f"({body['problem']['status']})" if "problem" in body else body.get("kind", "")
        told = f"{task:<10} {SHOWN[row['type']]} {more}".rstrip()
        self.console.print(f"  {run[:8]} [cyan]{row['version']:>3}[/] +{seconds:.3f} s  {told}")
