"""A node dies at each named point of its handler; what it had acknowledged has its effects, each once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.fault import POINTS
from tests.fault.ledger import read_ledger, wrongs
from tests.fault.load import OF_END, OF_GROUND, OF_START, OF_WAVE, end, ground, wave
from tests.fault.process import NodeProcess, node_process, publish
from tests.fault.told import told

VISITS = (1, 2, 3)
LOAD = [*ground(), *(message for visit in VISITS for message in wave(visit)), *end()]
EFFECTS = OF_GROUND + OF_WAVE + OF_WAVE + OF_WAVE + OF_END


async def prepare(node: NodeProcess) -> None:
    """Let the node know the compute that all waves are planned on, and kill it."""
    await node.start()
    async with await node.operator() as bus, told(node) as heard:
        await publish(bus, ground())
        await heard.until_types(OF_GROUND)
    node.kill()
    await node.until_killed()


async def say(node: NodeProcess, number: int) -> None:
    """Publish a wave, over as many lives of the node as it takes."""
    async with await node.operator() as bus:
        await publish(bus, wave(number))


async def finish(node: NodeProcess) -> list[str]:
    """Let the node finish its work and stop; return the ids of all events that it has told."""
    async with await node.operator() as bus, told(node) as heard:
        await heard.until_types(EFFECTS - OF_END)
        await publish(bus, end())
        await heard.until_types(EFFECTS)
    await node.stop()
    return heard.ids


@pytest.mark.parametrize("point", POINTS)
async def test_a_node_killed_at_its_points_loses_and_doubles_nothing(point: str, tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await prepare(node)
        async with asyncio.TaskGroup() as clients:
            for visit in VISITS:
                clients.create_task(say(node, visit))
                await node.start(die_at=f"{point}:{visit}")
                await node.until_killed()
            await node.start()
        heard = await finish(node)

    ledger = read_ledger(node.data)
    assert wrongs(ledger, LOAD, heard) == []
    assert ledger.effects == OF_START + EFFECTS
