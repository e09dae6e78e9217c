"""Running schedules by their seeds."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from actors import ACTORS
from actors.actor import Actor
from tests.sim.invariants import ALWAYS, broken
from tests.sim.world import world

SHOWN_MAX = 12
"""How much of what is wrong is shown."""


@dataclass(frozen=True)
class Report:
    """What became of one schedule."""

    seed: int
    digest: str
    wrong: Sequence[str]
    lines: Sequence[str] = ()
    world: str = ""
    """Which schedules it is of; empty: those of the federation."""

    def __str__(self) -> str:
        shown = "\n  ".join(self.wrong[:SHOWN_MAX])
        words = f"{self.world} {self.seed}".strip()
        return f"schedule {self.seed} (replay it: python -m tests.sim {words}):\n  {shown}"


def play(seed: int, actors: Sequence[Actor[Any, Any, Any]] = ACTORS, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it; an error that escapes is what is wrong with it, too."""
    return asyncio.run(_play(seed, actors, keeps_lines))


async def _play(seed: int, actors: Sequence[Actor[Any, Any, Any]], keeps_lines: bool) -> Report:
    async with world(seed, actors) as made:
        made.keeps_lines = keeps_lines
        try:
            await made.storm()
            wrong = broken(made, ALWAYS)
            await made.rest()
            wrong += broken(made)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__)[-3:])
            wrong = [f"{type(error).__name__}: {error}\n{where}"]
        return Report(seed, made.digest, wrong, made.lines)


def first_failure(seeds: Iterable[int], actors: Sequence[Actor[Any, Any, Any]] = ACTORS) -> Report | None:
    """Run schedules until one goes wrong."""
    return next((report for seed in seeds if (report := play(seed, actors)).wrong), None)
