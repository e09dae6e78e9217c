"""``covey demo``: play the acts and say whether all was as promised."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli import show
from cli.demo.stage import Unexpected, stage
from cli.demo.story import ACTS, Story, examples
from cli.errors import DONE, FAILED, Failed
from cli.session import Json

NAMES = ("observatory", "laboratory", "centre")
COLUMNS = 110

Keep = Annotated[bool, typer.Option("--keep", envvar="COVEY_KEEP", help="Keep the data and logs.")]


def add(app: typer.Typer) -> None:
    """Register ``demo``."""

    @app.command(epilog="Example: covey demo --keep")
    def demo(keep: Keep = False, json: Json = False) -> None:
        """Play the main job with three real nodes on this machine, and check every step."""
        directory = Path(tempfile.mkdtemp(prefix="covey-demo-"))
        stream = sys.stderr if json else sys.stdout
        console = Console(file=stream, highlight=False, width=None if stream.isatty() else COLUMNS)
        checks: list[str] = []
        code = asyncio.run(play(directory, console, checks))
        if json:
            show.put_json({"status": "done" if code == DONE else "failed", "checks": checks})
        if keep or code != DONE:
            console.print(f"data and logs: {directory}")
        else:
            shutil.rmtree(directory)
        raise typer.Exit(code)


async def play(directory: Path, console: Console, checks: list[str]) -> int:
    """Play all acts in a directory, note what was checked, and return the exit code."""
    began = time.monotonic()
    try:
        console.print("Starting three nodes, each a process with a NATS server of its own …")
        async with stage(directory, *NAMES) as (observatory, laboratory, centre):
            story = Story(observatory, laboratory, centre, examples(), console, checks)
            for act in ACTS:
                await act(story)
    except (Unexpected, Failed) as error:
        console.print(f"[red]✗[/] {error}")
        return FAILED
    console.print()
    console.print(f"[bold green]All {len(checks)} checks hold[/], in {time.monotonic() - began:.1f} s.")
    return DONE
