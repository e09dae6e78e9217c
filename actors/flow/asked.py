"""What may be asked of a run besides what it is: how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from actors.actor import Question, Rejected, Turn
from actors.flow.state import State
from messages import ephemeral


def ended(state: State, _asked: ephemeral.Wait, turn: Turn) -> dict[str, Any]:
    """Return how it ended, or that it has not; raises Rejected when it was never begun."""
    if not state.definition:
        raise Rejected("not_found", f"there is no run {turn.me.id}")
    return {
        "workflow": state.workflow,
        "status": state.status,
        "is_final": is_over(state),
        "output": state.output,
        "error": None if state.problem is None else msgspec.to_builtins(state.problem),
        "reason": state.reason,
    }


def is_over(state: State) -> bool:
    """Say whether it has ended for good; one that was not begun may have been launched a moment ago."""
    return state.is_over and state.returning is None


QUESTIONS: Mapping[str, Question[State]] = {
    "wait": Question(query=ephemeral.Wait, answer=ended, waits=is_over),
}
