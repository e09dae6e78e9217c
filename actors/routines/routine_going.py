"""What comes next in a run of a routine: which steps begin, which are skipped, and when all is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from actors.actor import Turn
from actors.jobs.job_replies import why
from actors.routines.routine_graph import Order, needed, order, source
from actors.routines.routine_state import State, StepState, evolve
from messages.envelope import derive
from messages.job_run import File, Result
from messages.routine import STEPS_MAX, Step
from messages.routine_run import (
    Ended,
    Event,
    How,
    StepEnded,
    StepFinal,
    StepRetried,
    StepStarted,
    Stopping,
)

ROUNDS_MAX = 4 * STEPS_MAX
"""Each round ends or begins a step at least."""
BACKOFF_SECONDS_MAX = 3_600
DOUBLINGS_MAX = 12
JITTER = 0.2
"""By how much of itself a wait is longer, at most."""
FAILED = frozenset({"failure", "timeout", "cancelled", "lost", "refused"})
TRIED_AGAIN = frozenset({"failure", "timeout", "lost"})
"""Ends of a job that another try may mend; who was refused or cancelled is not asked again."""


def go_on(state: State, events: Sequence[Event], turn: Turn) -> Sequence[Event]:
    """Return what has happened, and all that follows from it now."""
    told = list(events)
    for event in events:
        state = evolve(state, event)
    before = order(state.plan)
    for _ in range(ROUNDS_MAX):
        more = list(_next(state, before, turn))
        if not more:
            break
        told += more
        for event in more:
            state = evolve(state, event)
    return told


def _next(state: State, before: Order, turn: Turn) -> Iterator[Event]:
    if state.begun is None or state.ended is not None:
        return
    if state.stopping is not None:
        yield from _wind_up(state, turn)
    elif state.begun.content.on_failure == "stop" and (stopping := _failed(state, turn)) is not None:
        yield stopping
        return
    else:
        yield from _skip(state, turn) or _start(state, before, turn)
    if all(one.is_over for one in state.steps.values()):
        yield _ended(state, turn)


def _failed(state: State, turn: Turn) -> Stopping | None:
    """Return the end of it, as a step has failed while others are not over."""
    if all(one.is_over for one in state.steps.values()):
        return None
    failed = [id for id, one in state.steps.items() if one.status in FAILED]
    return Stopping(at=turn.at, status="failure", reason=_why(state, failed)) if failed else None


def _why(state: State, failed: Sequence[str]) -> str:
    how = state.steps[failed[0]].how
    detail = how.detail if how is not None else ""
    return f"{failed[0]}: {detail or state.steps[failed[0]].status}"


def _wind_up(state: State, turn: Turn) -> Iterator[Event]:
    """End what does not run: nothing begins any more."""
    assert state.stopping is not None
    for id in state.having("pending", "waiting"):
        one = state.steps[id]
        status: StepFinal = "cancelled" if one.attempt else "skipped"
        yield StepEnded(at=turn.at, step=id, status=status, how=one.how or How(detail=state.stopping.reason))


def _skip(state: State, turn: Turn) -> list[Event]:
    """Skip what needs a step that has ended, and not well."""
    found: list[Event] = []
    for step in state.plan:
        lacking = [id for id in sorted(needed(step)) if _is_lost(state.steps[id])]
        if state.steps[step.id].status == "pending" and lacking:
            how = How(detail=f"it needs {lacking[0]}, which is {state.steps[lacking[0]].status}")
            found.append(StepEnded(at=turn.at, step=step.id, status="skipped", how=how))
    return found


def _is_lost(step: StepState) -> bool:
    return step.is_over and step.status != "success"


def _start(state: State, before: Order, turn: Turn) -> list[Event]:
    """Begin what waits for nobody, as far as there is room."""
    assert state.begun is not None
    room = state.begun.content.at_once - len(state.having("running"))
    ready = [
        step
        for step in state.plan
        if state.steps[step.id].status == "pending" and all(state.steps[id].is_over for id in before[step.id])
    ]
    return [_begin(state, step, turn) for step in ready[: max(room, 0)]]


def _begin(state: State, step: Step, turn: Turn) -> Event:
    for path, file in step.takes.items():
        if found(state, file) is None:
            giver, name = source(file)
            detail = f"it takes {name} as {path}, and {giver} has left no such file"
            return StepEnded(
                at=turn.at, step=step.id, status="refused", how=How(reason="no_file", detail=detail)
            )
    attempt = state.steps[step.id].attempt + 1
    return StepStarted(at=turn.at, step=step.id, attempt=attempt, run=run_of(turn.me.id, step.id, attempt))


def run_of(me: str, step: str, attempt: int) -> str:
    """Return the run of the job of a try."""
    return derive(f"{me}/{step}/{attempt}", "job_run")


def found(state: State, file: str) -> File | None:
    """Return the file that a step has left, ``<step>/<path>``."""
    giver, name = source(file)
    how = state.steps[giver].how
    return next((one for one in how.files if one.name == name), None) if how is not None else None


def _ended(state: State, turn: Turn) -> Ended:
    if state.stopping is not None:
        return Ended(at=turn.at, status=state.stopping.status, reason=state.stopping.reason)
    failed = [id for id, one in state.steps.items() if one.status in FAILED]
    if failed:
        return Ended(at=turn.at, status="failure", reason=_why(state, failed))
    return Ended(at=turn.at, status="success")


def tried(state: State, step: Step, result: Result, turn: Turn) -> Event:
    """Return what becomes of a step of which a try has ended: it has ended, or is tried again."""
    now = state.steps[step.id]
    how = _how(result)
    if _may_try(state, step, result):
        next_at = turn.at + _backoff(step, now.attempt, turn)
        return StepRetried(at=turn.at, step=step.id, attempt=now.attempt, how=how, next_at=next_at)
    status: StepFinal = result.state
    if now.is_stopping and status == "cancelled":
        status = "timeout"
        how = How(reason="timeout", detail=f"it took longer than its {step.timeout_seconds} s")
    return StepEnded(at=turn.at, step=step.id, status=status, how=how)


def _may_try(state: State, step: Step, result: Result) -> bool:
    now = state.steps[step.id]
    if state.stopping is not None or now.is_stopping or now.attempt > step.retries:
        return False
    return result.state in TRIED_AGAIN and not (step.once and result.state == "lost")


def _how(result: Result) -> How:
    detail = "" if result.state == "success" else why(result)
    return How(
        code=result.code, reason=result.reason, detail=detail, files=result.files, seconds=result.seconds
    )


def _backoff(step: Step, attempt: int, turn: Turn) -> timedelta:
    """Return how long to wait: doubled each time, and a little longer, which the id of the run decides."""
    base = step.backoff_seconds * 2 ** min(attempt - 1, DOUBLINGS_MAX)
    seconds = max(min(base, BACKOFF_SECONDS_MAX), step.backoff_seconds)
    chance = int(derive(f"{turn.me.id}/{step.id}/{attempt}", "jitter")[:8], 16) / 0xFFFFFFFF
    return timedelta(seconds=round(seconds * (1 + JITTER * chance), 3))
