"""What a user was told to be stored over its own connection takes effect once, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from bus.client import Bus
from bus.connection import connect
from bus.keys import load_or_create
from messages import subjects
from tests.fault.process import NODE, SECONDS, NodeProcess, node_process
from tests.nodes import Operator, operating

COMMANDS = 50


def subject(number: int) -> str:
    return subjects.spoken("bob", subjects.command(NODE, "workflow", f"w{number}", "save"))


async def say(bus: Bus, number: int) -> None:
    """Save a workflow; return when the stream has it."""
    headers = {subjects.MESSAGE_ID: f"save-{number}"}
    told = json.loads(await bus.request(subject(number), b'{"name": "W%d"}' % number, headers, SECONDS))
    assert told["stream"] == "AS", told


async def known(operator: Operator, node: NodeProcess, seed: Path) -> Bus:
    """Return the connection of bob, whom the node knows and whom its server lets in and hears."""
    key = load_or_create(seed)
    await operator.done("user", "bob", "save", public_key=key.public)
    await operator.done("grant", "g", "save", to="user/bob", perimeter=f"{NODE}.workflow", actions=["save"])
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                bus = await connect(operator.endpoint.nats_url, name="bob", seed_path=seed)
                await bus.request(
                    subjects.spoken("bob", subjects.ask(NODE, "node", "whoami")), b"", {}, SECONDS
                )
                return bus
            except OSError:
                await asyncio.sleep(0.02)  # the server is told of a new user in a moment


@pytest.mark.parametrize("dies", ["node", "server"])
async def test_what_was_acknowledged_while_the_node_was_not_there_is_done_once(
    tmp_path: Path, dies: str
) -> None:
    async with node_process(tmp_path) as node:
        await node.start()
        async with operating(node.data) as operator, await known(operator, node, tmp_path / "bob") as bob:
            node.signal(signal.SIGSTOP)
            await asyncio.gather(*(say(bob, number) for number in range(COMMANDS)))
            if dies == "server":
                os.kill(node.nats_pid, signal.SIGKILL)
            node.kill()
            await node.end()
        await node.start()

        async with operating(node.data) as operator:
            for number in range(COMMANDS):
                await operator.becomes_reachable()
                await operator.becomes(
                    lambda number=number: operator.ask("workflow", "get", f"w{number}"),  # type: ignore[misc]
                    lambda told: told.get("version") == 1,
                )
                history = await operator.ask("workflow", "history", f"w{number}")
                assert [one["sender"] for one in history["events"]] == ["user/bob"]
        await node.stop()
