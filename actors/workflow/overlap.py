"""What becomes of the executions whose time has come while others of the workflow run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from messages.schedule import Overlap
from messages.starting import How, Skipped, Waiting

WAITING_MAX = 1000
"""How many executions of a workflow wait for the end of another."""
FULL = f"{WAITING_MAX} of it wait already"


class Turnout(NamedTuple):
    """What starts, what waits and what does not run; and how those that run are stopped, if they are."""

    started: tuple[Waiting, ...]
    waiting: tuple[Waiting, ...]
    skipped: tuple[Skipped, ...]
    how: How | None


class _Deal:
    def __init__(self, running: Sequence[str]) -> None:
        self.running = running
        self.first: Waiting | None = None
        """What starts as nothing runs; what comes later with a policy to stop it takes its place."""
        self.beside: list[Waiting] = []
        self.waiting: list[tuple[Waiting, Overlap]] = []
        self.skipped: list[Skipped] = []
        self.how: How | None = None

    def skip(self, one: Waiting, reason: str) -> None:
        self.skipped.append(Skipped(execution=one.slot.execution, reason=reason))

    @property
    def busy_with(self) -> str:
        """Name one that runs, or would by now."""
        if self.running:
            return self.running[0]
        ahead = [self.first] if self.first else self.beside[:1]
        return ahead[0].slot.execution if ahead else ""


def deal(queue: Sequence[tuple[Waiting, Overlap]], running: Sequence[str]) -> Turnout:
    """Say of each in the queue, the earliest first, what becomes of it beside those that run."""
    dealt = _Deal(running)
    for one, overlap in queue:
        _place(dealt, one, overlap)
    started = [*([dealt.first] if dealt.first else []), *dealt.beside]
    waiting = tuple(one for one, _ in dealt.waiting)
    return Turnout(tuple(started), waiting, tuple(dealt.skipped), dealt.how)


def _place(dealt: _Deal, one: Waiting, overlap: Overlap) -> None:
    busy_with = dealt.busy_with
    if overlap == "allow_all":
        dealt.beside.append(one)
        return
    if not busy_with:
        dealt.first = one
        return
    match overlap:
        case "skip":
            dealt.skip(one, f"{busy_with} runs")
        case "buffer_one" if any(other == overlap for _, other in dealt.waiting):
            dealt.skip(one, f"{busy_with} runs, and another one waits")
        case "buffer_one" | "buffer_all":
            _wait(dealt, one, overlap)
        case "cancel_other" | "terminate_other":
            _displace(dealt, one, overlap)
        case _:
            assert_never(overlap)


def _wait(dealt: _Deal, one: Waiting, overlap: Overlap) -> None:
    if len(dealt.waiting) >= WAITING_MAX:
        dealt.skip(one, FULL)
    else:
        dealt.waiting.append((one, overlap))


def _displace(dealt: _Deal, one: Waiting, overlap: Overlap) -> None:
    """Take the place of what waits, and of what would start now; what runs is stopped first."""
    ahead = [other for other, _ in dealt.waiting] + ([dealt.first] if dealt.first else [])
    for other in ahead:
        dealt.skip(other, f"{one.slot.execution} has taken its place")
    dealt.first, dealt.waiting = None, []
    if dealt.running or dealt.beside:
        dealt.waiting = [(one, overlap)]
        dealt.how = "cancel" if overlap == "cancel_other" else "terminate"
    else:
        dealt.first = one
