"""A node that dies between the checks of a promotion and the deployment has it done once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bus.publisher import Outbound
from messages import subjects
from node.fault import POINTS
from tests.fault.process import NODE, NodeProcess, node_process, publish
from tests.node.serving import document
from tests.nodes import operating

VISITS = (1, 2)
"""The request, and what was found out: each is handled in one batch with what follows from it."""
ALL = [f"{point}:{visit}" for point in POINTS for visit in VISITS]
SAMPLE = ["after_commit:1", "before_commit:2"]


async def say(node: NodeProcess) -> None:
    """Ask for the promotion, over as many lives of the node as it takes."""
    subject = subjects.command(NODE, "workflow", "orders", "promote")
    body = b'{"to": "staging", "promotion": "p-1"}'
    async with await node.operator() as bus:
        await publish(bus, [Outbound(subject, "m-1", {}, body)])


@pytest.mark.parametrize("point", ALL if os.environ.get("COVEY_SOAK") else SAMPLE)
async def test_a_promotion_is_done_once_wherever_its_node_dies(tmp_path: Path, point: str) -> None:
    async with node_process(tmp_path) as node:
        await node.start()
        async with operating(node.data) as operator:
            await operator.done("environment", "staging", "create", follows=["main"])
            definition = document([{"one": {"set": {"a": 1}}}])
            await operator.done("workflow", "orders", "save", name="Orders", definition=definition)
        node.kill()
        await node.until_killed()

        async with asyncio.TaskGroup() as clients:
            clients.create_task(say(node))
            await node.start(die_at=point)
            await node.until_killed()
            await node.start()
        async with operating(node.data) as operator:
            told = await operator.becomes(
                lambda: operator.ask("promotion", "get", "p-1"), lambda one: one.get("status") == "deployed"
            )
            there = await operator.ask("workflow", "get", "orders-staging")
            history = (await operator.ask("workflow", "history", "orders-staging"))["events"]
    assert (told["generation"], there["generation"], there["environment"]) == (1, 1, "staging")
    assert [one["type"] for one in history].count("workflow.saved") == 1
