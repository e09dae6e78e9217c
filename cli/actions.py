"""One action of a run, and how it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Wait:
    """A time in which nobody worked."""

    why: str
    """wait, listen, or retry: the pause before the next attempt."""
    since: datetime
    until: datetime | None = None


@dataclass
class Action:
    """One task, as often as it was reached: in a loop once each round."""

    frame: int
    pointer: str
    name: str
    kind: str
    above: int
    """The frame of the action that it is in; 0: the run."""
    depth: int
    round: int | None
    """Which round of the loop that it is in."""
    entered_at: datetime
    status: str = "running"
    """running, waiting, success, failure, skipped, cancelled."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 1
    retries: list[datetime] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    input: Any = None
    output: Any = None
    error: dict[str, Any] | None = None
    run: str = ""
    """The run that it waits for."""

    @property
    def label(self) -> str:
        """What it is called, with its round."""
        return self.name if self.round is None else f"{self.name} [{self.round}]"

    def seconds(self, now: datetime) -> float:
        """Return how long it took, or takes by now."""
        return ((self.ended_at or now) - self.entered_at).total_seconds()

    def wait(self, why: str, since: datetime) -> None:
        """Note that it waits."""
        self.status = "waiting"
        self.waits.append(Wait(why, since))

    def wake(self, at: datetime) -> None:
        """Note that it does not wait any more."""
        self.status = "running"
        for one in self.waits:
            one.until = one.until or at

    def end(self, status: str, at: datetime) -> None:
        """Note how it has ended."""
        self.wake(at)
        self.status, self.ended_at = status, at


@dataclass(frozen=True)
class Line:
    """What a run noted for its operators."""

    at: datetime
    level: str
    action: str
    """The pointer of the one that noted it."""
    message: str
