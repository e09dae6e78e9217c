"""Running the schedules of ``unfreezes`` by their seeds."""

from __future__ import annotations

import asyncio

from tests.sim.moved import broken
from tests.sim.report import Report, judged
from tests.sim.unfreezes import KIT, Kit, World, world


def play(seed: int, kit: Kit = KIT, *, keeps_lines: bool = False) -> Report:
    """Run the schedule of a seed and judge it."""
    return asyncio.run(_play(seed, kit, keeps_lines))


async def _play(seed: int, kit: Kit, keeps_lines: bool) -> Report:
    async with world(seed, kit) as made:
        made.keeps_lines = keeps_lines
        wrong = await judged(lambda: _wrong(made))
        return Report(seed, made.digest, wrong, made.lines, "unfreezes")


async def _wrong(made: World) -> list[str]:
    await made.begin()
    await made.storm()
    await made.rest()
    return await broken(made)
