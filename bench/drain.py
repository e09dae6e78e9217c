"""(e) A peer that comes back finds 10,000 messages waiting: how fast it takes them."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from bench.nodes import meet, node
from bench.report import tell
from bus.publisher import Outbound
from messages import subjects

MESSAGES = 10_000
PUBLISHED = 1_000


async def run(directory: Path) -> None:
    """Let one node say much while the other is away."""
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(node(directory / "lab", "lab"))
        async with node(directory / "centre", "centre") as centre:
            met = await centre.bus.subscribe(subjects.event("centre", "peer", "lab", "received"))
            await meet(lab, centre)
            await anext(met)
            await centre.kill()
        heard = await lab.bus.subscribe(subjects.event("lab", "peer", "centre", "sent"))
        for start in range(0, MESSAGES, PUBLISHED):
            await lab.bus.publish([_command(n) for n in range(start, start + PUBLISHED)])
            for _ in range(PUBLISHED):
                await anext(heard)
        last = int((await lab.ask("peer", "get", id="centre"))["last_said"])
        began = time.perf_counter()
        centre = await stack.enter_async_context(node(directory / "centre", "centre"))
        received = await centre.bus.subscribe(subjects.event("centre", "peer", "lab", "received"))
        now = int((await centre.ask("peer", "get", id="lab"))["last_received"])
        while now < last:
            now = int(msgspec.json.decode((await anext(received)).body)["message"]["sequence"]) or now
        seconds = time.perf_counter() - began
    row = {
        "what": "copies of a peer that was away, its start included",
        "messages": MESSAGES,
        "seconds": seconds,
        "messages/s": MESSAGES / seconds,
    }
    tell("drain", "a peer back after 10,000 messages", [row])


def _command(number: int) -> Outbound:
    body = msgspec.json.encode({"name": f"Resource {number}", "type": "data", "public": True})
    return Outbound(subjects.command("lab", "resource", f"r{number}", "save"), f"say-{number}", {}, body)
