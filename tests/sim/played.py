"""Running the schedules of ``unfreezes`` by their seeds."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterable

from tests.sim.moved import broken
from tests.sim.replay import Report
from tests.sim.unfreezes import KIT, Kit, world


def play(seed: int, kit: Kit = KIT, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it; an error that escapes is what is wrong with it, too."""
    return asyncio.run(_play(seed, kit, keeps_lines))


async def _play(seed: int, kit: Kit, keeps_lines: bool) -> Report:
    async with world(seed, kit) as made:
        made.keeps_lines = keeps_lines
        try:
            await made.begin()
            await made.storm()
            await made.rest()
            wrong = await broken(made)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__)[-3:])
            wrong = [f"{type(error).__name__}: {error}\n{where}"]
        return Report(seed, made.digest, wrong, made.lines, "unfreezes")


def first_failure(seeds: Iterable[int], kit: Kit = KIT) -> Report | None:
    """Run schedules until one goes wrong."""
    return next((report for seed in seeds if (report := play(seed, kit)).wrong), None)
