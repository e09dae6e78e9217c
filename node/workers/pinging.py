"""Every worker answers a ``ping_registry``: who is there, and for which work."""

from __future__ import annotations

import logging
import os
import platform
from dataclasses import dataclass

from actors.ephemeral.ping_registry import TABLE
from bus.client import Bus
from messages import subjects
from messages.envelope import Address, derive
from node.workers.voice import Voice

_LOG = logging.getLogger("covey.worker")


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers."""

    name: str
    role: str
    """The queue that it works for."""


def server_name() -> str:
    """Return the name of a worker that was given none."""
    return f"{platform.node()}-{os.getpid()}"


async def answer_pings(bus: Bus, node: str, voice: Voice, server: Server) -> None:
    """Answer each ping that is begun; runs until it is cancelled."""
    async for event in await bus.subscribe(subjects.event(node, TABLE.kind, "*", "started")):
        workflow = event.subject.split(".")[-2]
        body = {"server": server.name, "role": server.role}
        message = derive(workflow, f"{server.role}/{server.name}")
        try:
            await voice.call(Address(TABLE.kind, workflow), "ping", body, message)
        except Exception as error:  # the next ping is another chance
            _LOG.warning("a ping was not answered: %s: %s", type(error).__name__, error)
