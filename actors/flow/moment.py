"""What a task sees while it decides what to do next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from actors.flow.duration import after
from actors.flow.errors import fault
from actors.flow.program import Task
from actors.flow.reading import Reader
from actors.flow.state import Frame, State
from messages.task_events import Entered, Returned


class Moment(NamedTuple):
    """One frame, its task, and the instant."""

    state: State
    frame: Frame
    task: Task
    read: Reader
    at: datetime
    chance: float
    """Between 0 and 1, for jitter."""

    def enter(self, pointer: str, raw: Any, deadline: datetime | None = None) -> Entered:
        """Begin a task or list below this one."""
        return Entered(
            frame=self.state.frames_made + 1,
            pointer=pointer,
            parent=self.frame.id,
            raw=raw,
            deadline=deadline,
        )

    def result(self, output: Any, then: str = "") -> Returned:
        """Have the result."""
        return Returned(frame=self.frame.id, output=output, then=then)

    def instant(self, duration: Any) -> datetime:
        """Return the instant a duration from now; raises Fault when it is none."""
        try:
            return after(self.at, duration)
        except (ValueError, OverflowError, TypeError) as error:
            raise fault("configuration", self.frame.pointer, str(error)) from error

    def span(self, slot: str, duration: Any) -> timedelta:
        """Return how long a duration is from now on, evaluated; raises Ask, and Fault when it is none."""
        if duration is None:
            return timedelta()
        return self.instant(self.read.value(slot, duration, self.frame.input)) - self.at
