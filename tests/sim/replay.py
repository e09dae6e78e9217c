"""Running the schedules of the federation by their seeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from actors import ACTORS
from actors.actor import Actor
from tests.sim.invariants import ALWAYS, broken
from tests.sim.report import Report, judged
from tests.sim.world import World, world


def play(seed: int, actors: Sequence[Actor[Any, Any, Any]] = ACTORS, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it."""
    return asyncio.run(_play(seed, actors, keeps_lines))


async def _play(seed: int, actors: Sequence[Actor[Any, Any, Any]], keeps_lines: bool) -> Report:
    async with world(seed, actors) as made:
        made.keeps_lines = keeps_lines
        wrong = await judged(lambda: _wrong(made))
        return Report(seed, made.digest, wrong, made.lines)


async def _wrong(made: World) -> list[str]:
    await made.storm()
    wrong = broken(made, ALWAYS)
    await made.rest()
    return [*wrong, *broken(made)]
