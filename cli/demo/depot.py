"""Who plays the second act: a laboratory with a file server, and what happens to its repository."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.demo import tree
from cli.demo.program import Program, Unexpected
from cli.demo.stage import WAIT_SECONDS, Player, stage
from cli.demo.story import Story
from cli.follow import Following, Part, Row
from cli.show import clean

AUTHOR = {"author_name": "Ada Lovelace", "author_email": "ada@laboratory.example"}
LAST = ".committed"
"""How the last event of a workflow ends."""
POLL_SECONDS = 0.001


@dataclass
class Depot(Story):
    """The node, its workers and the directory that they look after."""

    laboratory: Player
    worker: Program
    root: Path
    """What the registry calls ``/laboratory``."""
    shadow: Path

    @property
    def repo(self) -> Path:
        """Return the directory of the repository."""
        return self.root / "storms"

    async def follow(self, kind: str, id: str, *, shown_as: str = "") -> dict[str, Any]:
        """Show each event of a workflow as it happens, to the last; return how it has ended."""
        assert self.laboratory.client is not None
        began: list[datetime] = []

        def put(row: Row) -> None:
            began.append(datetime.fromisoformat(row["at"]))
            self._event(shown_as or id, row, (began[-1] - began[0]).total_seconds())
            if row["type"].endswith(LAST):
                following.end()

        following = Following(self.laboratory.client, (kind, id), Part(0), put)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await following.run()
        except TimeoutError:
            raise Unexpected(f"{id} did not end within {WAIT_SECONDS:g} s") from None
        return await self.laboratory.ask(kind, "get", id=id)

    def _event(self, name: str, row: Row, seconds: float) -> None:
        event = row["type"].partition(".")[2]
        body = row["body"]
        words = [f"attempt {body['attempt']}"] if "attempt" in body else []
        words += [f"code {body['code']}"] if "code" in body else []
        words += [body["message"]] if body.get("message") else []
        told = clean(": ".join(words))
        self.console.print(
            f"  {name} [cyan]{row['version']:>2}[/] {event:<16} +{seconds:.3f} s  {told}".rstrip()
        )

    async def until_touched(self) -> None:
        """Return as soon as somebody locks the repository."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not tree.is_touched(self.repo):  # noqa: ASYNC110  # a file system tells nobody of attributes
                await asyncio.sleep(POLL_SECONDS)

    def writable(self) -> int:
        """Count what can be written of the repository."""
        return sum(map(tree.is_writable, tree.paths(self.repo)))

    def log(self) -> list[str]:
        """Return the commits of the shadow repository, the oldest first."""
        words = ("git", "-C", str(self.shadow / "storms.git"), "log", "--reverse", "--format=%h %an <%ae> %s")
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


@asynccontextmanager
async def depot(directory: Path, console: Console, checks: list[str]) -> AsyncIterator[Depot]:
    """Start the node and its workers; stop them at the end, and unlock what is still locked."""
    root, shadow = directory / "srv", directory / "shadow"
    tree.grow(root / "storms")
    async with stage(directory, "laboratory", words=("--no-workers",)) as (laboratory,):
        where = ("--data", str(laboratory.data))
        files = ("worker", "files", "--prefix", f"/laboratory={root}", "--shadow", str(shadow), *where)
        worker = Program("files worker", files, directory / "files.log")
        other = Program("registry worker", ("worker", "registry", *where), directory / "registry.log")
        try:
            await asyncio.gather(worker.start(), other.start())
            yield Depot(console, checks, laboratory, worker, root, shadow)
        finally:
            await asyncio.gather(worker.stop(), other.stop())
            tree.clear(root)
