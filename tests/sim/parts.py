"""What stands in a simulated node for what a process has around it."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from actors.actor import Actor
from messages.envelope import Envelope
from node.handle import Result
from node.intake import Intake
from node.links import Known
from tests.sim.broker import Weather


class Crash(BaseException):
    """The process is gone; nothing may catch it."""


class Outside(Protocol):
    """What a node sees of the world."""

    now: int
    weather: Weather
    actors: tuple[Actor[Any, Any, Any], ...]

    def tell(self, line: str) -> None:
        """Note a line of the trace."""


class DirectIntake(Intake):
    """An intake whose calls are handled at once."""

    async def call(self, envelope: Envelope) -> bytes:
        """Handle one message and return its outcome."""
        outcomes: list[bytes] = []

        async def finish(result: Result) -> None:
            if result.outcome:
                outcomes.append(result.outcome)
            else:
                self.put(msgspec.structs.replace(envelope, attempt=result.envelope.attempt + 1), finish)

        self.put(envelope, finish)
        await self.work()
        return outcomes[0]

    async def work(self) -> None:
        """Handle all that waits, and note what was sent."""
        while self._waiting or self._sent:
            await self._batch()


class NoLinks:
    """Stands for the links: the world delivers what is said."""

    async def refresh(self, _peer: str, _known: Known | None) -> None:
        """Change nothing."""
