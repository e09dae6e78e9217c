"""How the end of a run of a routine is told to the run of a workflow that waits for it."""

from __future__ import annotations

from typing import Any

from actors.actor import Effect, Order
from actors.flow.errors import fault
from messages import run
from messages.envelope import Address

WORDS = {"timeout": "timeout", "not_granted": "authorization"}
"""The standard types of errors, where it is not ``runtime``."""

Waiting = tuple[Address | None, str]
"""Who waits, and what it knows the run by: the frame and the number of its call."""


def succeeded(waiting: Waiting, output: dict[str, Any]) -> list[Effect]:
    """Tell what the run of a workflow goes on with."""
    to, frame, call = _parts(waiting)
    return [] if to is None else [Order(to, run.Answered(frame=frame, call=call, output=output))]


def failed(waiting: Waiting, status: str, reason: str) -> list[Effect]:
    """Tell why it has not gone well."""
    to, frame, call = _parts(waiting)
    if to is None:
        return []
    problem = fault(WORDS.get(status, "runtime"), "", reason).problem
    return [Order(to, run.Faulted(frame=frame, call=call, problem=problem))]


def _parts(waiting: Waiting) -> tuple[Address | None, int, int]:
    to, mark = waiting
    frame, _, call = mark.partition(".")
    return (to, int(frame), int(call)) if to is not None and to.kind == "run" else (None, 0, 0)
