"""``covey demo``: play the acts and say whether all was as promised."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.errors import DONE, FAILED, Failed
from cli.demo.stage import Unexpected, stage
from cli.demo.story import ACTS, Story, examples

NAMES = ("observatory", "laboratory", "centre")
COLUMNS = 110

Keep = Annotated[bool, typer.Option("--keep", envvar="COVEY_KEEP", help="Keep the data and logs of the nodes.")]


def add(app: typer.Typer) -> None:
    """Register ``demo``."""

    @app.command(epilog="Example: covey demo --keep")
    def demo(keep: Keep = False) -> None:
        """Play the main job with three real nodes on this machine, and check every step."""
        directory = Path(tempfile.mkdtemp(prefix="covey-demo-"))
        console = Console(highlight=False, width=None if Console().is_terminal else COLUMNS)
        code = asyncio.run(play(directory, console))
        if keep or code != DONE:
            console.print(f"data and logs: {directory}")
        else:
            _sweep(directory)
        raise typer.Exit(code)


async def play(directory: Path, console: Console) -> int:
    """Play all acts in a directory and return the exit code."""
    began = time.monotonic()
    try:
        console.print("Starting three nodes, each a process with a NATS server of its own …")
        async with stage(directory, *NAMES) as (observatory, laboratory, centre):
            story = Story(observatory, laboratory, centre, examples(), console)
            for act in ACTS:
                await act(story)
    except (Unexpected, Failed) as error:
        console.print(f"[red]✗[/] {error}")
        return FAILED
    console.print()
    console.print(f"[bold green]All {story.checked} checks hold[/], in {time.monotonic() - began:.1f} s.")
    return DONE


def _sweep(directory: Path) -> None:
    shutil.rmtree(directory)
