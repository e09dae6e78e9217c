"""The NATS server is killed under load and once loses all it has; the node and its clients go on."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from bus.connection import Bus
from tests.fault.ledger import read_ledger, wrongs
from tests.fault.load import OF_END, OF_GROUND, OF_START, OF_WAVE, end, ground, times, wave
from tests.fault.process import NodeProcess, node_process, publish
from tests.fault.told import told

LIVES = 5
KILLS = 4
"""In each life of the node: the sooner a server dies again, the longer its supervisor waits."""
WAVES = range(1, LIVES * KILLS + 1)
WIPED = 7
"""The wave in which the server also loses its store."""
EFFECTS = OF_GROUND + times(OF_WAVE, len(WAVES)) + OF_END


def kill(node: NodeProcess) -> None:
    os.kill(node.nats_pid, signal.SIGKILL)


def wipe(node: NodeProcess) -> None:
    """Kill the server and take away all that it has stored."""
    os.kill(node.nats_pid, signal.SIGSTOP)  # so that nothing is written or restarted meanwhile
    shutil.rmtree(node.data / "nats" / "jetstream")
    kill(node)


async def disturb(node: NodeProcess, bus: Bus, number: int) -> None:
    """Kill the server between or after the publishes of a wave."""
    messages = wave(number)
    before = 1 + number % len(messages)
    await publish(bus, messages[:before])
    if number == WIPED:
        wipe(node)
        await refill(node, bus)
    else:
        kill(node)
        await publish(bus, messages[before:])


async def refill(node: NodeProcess, bus: Bus) -> None:
    """Say all again, for what was acknowledged may not have been handled; wait till all is told again."""
    waves = WAVES[:WIPED]
    await publish(bus, [*ground(), *(message for number in waves for message in wave(number))])
    async with told(node) as heard:
        await heard.until_types(OF_GROUND + times(OF_WAVE, len(waves)))


async def test_killed_twenty_times_and_wiped_once_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.start()
        async with await node.operator() as bus:
            async with told(node) as heard:
                await publish(bus, ground())
                await heard.until_types(OF_GROUND)
            for number in WAVES:
                await disturb(node, bus, number)
                if number % KILLS == 0:
                    await node.stop()
                    await node.start()
            async with told(node) as heard:
                await heard.until_types(EFFECTS - OF_END)
                await publish(bus, end())
                await heard.until_types(EFFECTS)
            await node.stop()

    ledger = read_ledger(node.data)
    said = [*ground(), *(message for number in WAVES for message in wave(number)), *end()]
    assert wrongs(ledger, said, heard.ids) == []
    assert ledger.effects == OF_START + EFFECTS


async def test_a_node_stops_though_its_server_has_just_died(tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.start()
        async with await node.operator() as bus:
            await publish(bus, ground())

        kill(node)

        await node.stop()
