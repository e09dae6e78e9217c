"""The worker of runs as the simulation has it: killed between any two words, its answers late or doubled."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bus.publisher import Outbound
from messages import run
from node.calls.outside import Outside
from node.workers.running import Running
from tests.flow.driver import evaluated
from tests.sim.broker import Stored

if TYPE_CHECKING:
    from tests.sim.runs import World


class Gone(Exception):
    """The worker is gone; its task comes again."""


class Late(NamedTuple):
    """An answer that is still on its way."""

    at: int
    message: Outbound


class Work:
    """What a worker sees of one task that was delivered."""

    def __init__(self, task: Stored, attempts: int) -> None:
        self.body = task.body
        self.attempts = attempts


class Worker(Running):
    """The worker of runs, with jq in this process and servers that the seed knows."""

    def __init__(self, world: World) -> None:
        super().__init__(None, world.node.name, world, Outside(data=Path()))  # type: ignore[arg-type]  # no bus
        self._world = world

    async def evaluate(self, id: str, delivery: Any) -> None:
        """Evaluate expressions, and tell the run."""
        ask = msgspec.json.decode(delivery.body, type=run.Evaluate)
        await self._tell(id, ask.run, "evaluated", evaluated(ask))

    async def _loaded(self) -> Any:
        return SimpleNamespace(makes={"http": self._make})

    async def _make(self, call: run.Call) -> Any:
        await self._world.note_call(call)
        return await self._world.servers.make(call)
