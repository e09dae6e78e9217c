"""How the end of a run of a job is told to who waits for it: each kind in its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from actors.actor import Effect, Order
from actors.flow.errors import fault
from messages import routine_run, run
from messages.envelope import Address
from messages.job_run import Result

WORDS = {"timeout": "timeout", "refused": "authorization", "lost": "communication"}
"""The standard types of errors, where it is not ``runtime``."""
LINE_CHARACTERS = 300

Reply = Callable[[Address, str, str, Result], Effect]
"""Given who waits, what it knows the run by, the id of the run and how it ended."""


def _to_run(to: Address, mark: str, id: str, result: Result) -> Effect:
    """Answer the call of a run: its frame and number are the mark."""
    frame, _, call = mark.partition(".")
    if result.state == "success":
        return Order(to, run.Answered(frame=int(frame), call=int(call), output=output(id, result)))
    problem = fault(WORDS.get(result.state, "runtime"), "", why(result)).problem
    return Order(to, run.Faulted(frame=int(frame), call=int(call), problem=problem))


def _to_routine(to: Address, mark: str, _id: str, result: Result) -> Effect:
    """Tell the run of a routine: its step and which try of it are the mark."""
    step, _, attempt = mark.rpartition(".")
    return Order(to, routine_run.Heard(step=step, attempt=int(attempt), result=result))


REPLIES: Mapping[str, Reply] = {"run": _to_run, "routine_run": _to_routine}
"""By the kind of who waits."""


def told(to: Address | None, mark: str, id: str, result: Result) -> list[Effect]:
    """Return what tells who waits, if anybody does."""
    return [REPLIES[to.kind](to, mark, id, result)] if to is not None and to.kind in REPLIES else []


def output(id: str, result: Result) -> dict[str, Any]:
    """Return what a workflow goes on with."""
    shown: dict[str, Any] = msgspec.to_builtins(result)
    kept = ("code", "stdout", "stderr", "files", "seconds")
    return {"run": id, **{name: shown[name] for name in kept}}


def why(result: Result) -> str:
    """Return in one line why it has not gone well."""
    if result.detail:
        return f"{result.reason}: {result.detail}" if result.reason else result.detail
    if result.reason:
        return f"the program was ended: {result.reason}"
    lines = result.stderr.strip().splitlines()
    last = f": {lines[-1][:LINE_CHARACTERS]}" if lines else ""
    code = result.code or 0
    return f"the program ended with {f'code {code}' if code > 0 else f'signal {-code}'}{last}"
