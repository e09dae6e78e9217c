"""The states of executions and bookings: words on the wire, the numbers of OpenCloud beside them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """The wire uses the word."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    STARTED = "started"
    FAILURE = "failure"
    SUCCESS = "success"
    FORGOTTEN = "forgotten"
    DELAYED = "delayed"
    CANCELLED = "cancelled"
    IN_PREPARATION = "in_preparation"

    @property
    def code(self) -> int:
        """The number that OpenCloud gives to the state."""
        return CODES[self]


CODES: Final = {state: number for number, state in enumerate(State)}
WAITING: Final = frozenset({State.DRAFT, State.SCHEDULED, State.DELAYED})
"""Not started yet: an update of the workflow replaces these, and these alone."""
ENDED: Final = frozenset({State.FAILURE, State.SUCCESS, State.FORGOTTEN, State.CANCELLED})
"""Nothing changes any more."""
