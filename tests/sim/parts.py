"""What stands in a simulated node for what a process has around it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import msgspec

from actors.actor import Actor
from messages.envelope import Envelope
from node.handle import Result
from node.intake import Intake
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
        """Handle all that waits, and note what was sent; raises Crash when that ends in one."""
        if not (self._waiting or self._sent):
            return
        running = asyncio.create_task(self.run())
        empty = asyncio.create_task(self.wait_empty())
        await asyncio.wait((running, empty), return_when=asyncio.FIRST_COMPLETED)
        for task in (running, empty):
            task.cancel()
        ends = await asyncio.gather(running, empty, return_exceptions=True)
        failed = [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)]
        if failed:
            raise _first(failed[0])


def _first(error: BaseException) -> BaseException:
    """Return the error that a task group has wrapped."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


class NoLinks:
    """Stands for the links: the world delivers what is said."""

    async def refresh(self, _peer: str) -> None:
        """Change nothing."""
