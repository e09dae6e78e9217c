"""``covey demo``: play the acts and say whether all was as promised."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli import show
from cli.demo.freeze import play as play_freeze
from cli.demo.jobs import play as play_jobs
from cli.demo.plan import play as play_plan
from cli.demo.program import Unexpected
from cli.demo.run import play as play_run
from cli.errors import DONE, FAILED, Failed
from cli.session import Json

COLUMNS = 110


class Act(StrEnum):
    """What can be played."""

    PLAN = "plan"
    FREEZE = "freeze"
    RUN = "run"
    JOBS = "jobs"


ACTS = {Act.PLAN: play_plan, Act.FREEZE: play_freeze, Act.RUN: play_run, Act.JOBS: play_jobs}

Acts = Annotated[
    list[Act], typer.Option("--act", envvar="COVEY_DEMO_ACT", help="Which act; may be repeated. Else all.")
]
Keep = Annotated[bool, typer.Option("--keep", envvar="COVEY_KEEP", help="Keep the data and logs.")]


def add(app: typer.Typer) -> None:
    """Register ``demo``."""

    @app.command(epilog="Example: covey demo --act freeze --keep")
    def demo(
        act: Acts = [],  # noqa: B006  # typer takes no tuple
        keep: Keep = False,
        json: Json = False,
    ) -> None:
        """Play the main jobs with real nodes and workers on this machine, and check every step."""
        directory = Path(tempfile.mkdtemp(prefix="covey-demo-"))
        stream = sys.stderr if json else sys.stdout
        console = Console(file=stream, highlight=False, width=None if stream.isatty() else COLUMNS)
        checks: list[str] = []
        code = asyncio.run(play(directory, console, checks, list(dict.fromkeys(act or ACTS))))
        if json:
            show.put_json({"status": "done" if code == DONE else "failed", "checks": checks})
        if keep or code != DONE:
            console.print(f"data and logs: {directory}")
        else:
            shutil.rmtree(directory)
        raise typer.Exit(code)


async def play(directory: Path, console: Console, checks: list[str], acts: Sequence[Act]) -> int:
    """Play some acts, each in a directory of its own, note what was checked, and return the exit code."""
    began = time.monotonic()
    try:
        for number, act in enumerate(acts):
            if number:
                console.print()
            (directory / act).mkdir()
            await ACTS[act](directory / act, console, checks)
    except (Unexpected, Failed) as error:
        console.print(f"[red]✗[/] {error}")
        return FAILED
    console.print()
    console.print(f"[bold green]All {len(checks)} checks hold[/], in {time.monotonic() - began:.1f} s.")
    return DONE
