"""What a run of a job is: how far it is, and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors import retention
from actors.actor import Summary
from messages.job import Pinned
from messages.job_run import (
    Begun,
    Deleted,
    Ended,
    Event,
    Forestalled,
    Place,
    Placed,
    Result,
    Started,
    Status,
    Stopping,
    Taken,
    Work,
    Wrote,
)

GIVE_UP_AFTER = timedelta(minutes=2)
"""When a run is given up that is being ended, and nobody says that it has."""
ANSWER_WITHIN = timedelta(hours=1)
"""How long after its time the owner of a compute may take to tell how a run has ended."""
SLOT, GIVE_UP, ANSWER = "slot", "give_up", "answer"
"""The alarms."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without a status it was never begun."""

    status: Status | None = None
    begun: Begun | None = None
    """Of a run that was begun here."""
    taken: Taken | None = None
    """Of a run on behalf of another, or inside a booking of our own."""
    forestalled: Forestalled | None = None
    """Of one that was given up by who asked for it before it came."""
    until: datetime | None = None
    """When the slot ends, of one that the owner of the compute has taken."""
    token: str = ""
    """Of the attempt that runs."""
    attempt: int = 0
    parts: int = 0
    """How much of what it writes was told."""
    worker: str = ""
    started_at: datetime | None = None
    stopping: Stopping | None = None
    ended_at: datetime | None = None
    result: Result | None = None
    is_deleted: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more."""
        return self.result is not None

    @property
    def pinned(self) -> Pinned | None:
        """What is run."""
        one = self.begun or self.taken
        return None if one is None else one.pinned

    @property
    def place(self) -> Place | None:
        """Where it is to be; None: here."""
        return None if self.begun is None else self.begun.place

    @property
    def may_repeat(self) -> bool:
        """Whether it may be started again when it was interrupted."""
        one = self.begun or self.taken
        return one is not None and one.may_repeat


def evolve(state: State, event: Event) -> State:
    """Follow it from its begin to its end."""
    match event:
        case Begun() | Taken() | Forestalled():
            return _first(event)
        case Placed():
            return replace(state, until=event.until)
        case Started():
            return replace(
                state,
                status="running",
                token=event.token,
                attempt=event.attempt,
                parts=0,
                worker=event.worker,
                started_at=event.at,
            )
        case Wrote():
            return replace(state, parts=event.number)
        case Stopping():
            return replace(state, stopping=event)
        case Ended():
            return replace(state, status=event.result.state, result=event.result, ended_at=event.at)
        case Deleted():
            return State(is_deleted=True)
    assert_never(event)


def _first(event: Begun | Taken | Forestalled) -> State:
    match event:
        case Begun():
            return State(status="queued", begun=replace(event, work=_kept(event)))
        case Taken():
            return State(status="queued", taken=event, until=event.until)
        case Forestalled():
            result = Result(state="cancelled", reason="cancelled", detail=event.reason)
            return State(status="cancelled", forestalled=event, result=result, ended_at=event.at)
    assert_never(event)


def _kept(event: Begun) -> Work | None:
    """Keep no work once it is told: what is pinned says as much."""
    return None if event.work is None else replace(event.work, working_files=())


def alarms(state: State) -> Mapping[str, datetime]:
    """Want to end it with its slot, to give up who does not answer, and to delete it in the end."""
    if state.ended_at is not None:
        return retention.alarms(state.ended_at)
    if state.status is None:
        return {}
    if state.stopping is not None:
        return {GIVE_UP: state.stopping.at + GIVE_UP_AFTER}
    if state.taken is not None:
        return {SLOT: state.taken.until}
    if state.begun is None or state.begun.place is None:
        return {}
    timeout = timedelta(seconds=state.begun.pinned.timeout_seconds)
    return {ANSWER: (state.until or state.begun.at + timeout) + ANSWER_WITHIN}


def summary(state: State) -> Summary | None:
    """Show it below its job."""
    if state.forestalled is not None:
        gone = state.forestalled
        return Summary(status="cancelled", name=gone.run, at=gone.at, fields={"node": gone.node})
    one = state.begun or state.taken
    if one is None or state.status is None:
        return None
    fields: dict[str, Any] = {"executable": one.pinned.executable}
    if state.place is not None:
        fields["compute"] = state.place.compute
    if state.taken is not None:
        fields |= {"compute": state.taken.compute, "node": state.taken.node}
    # what runs for a partner is of no job of ours, whatever the partner calls it
    job = one.pinned.job if state.taken is None else ""
    return Summary(status=state.status, name=one.pinned.job, parent=job, at=one.at, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show what it runs, where, and what came of it."""
    result = None if state.result is None else msgspec.to_builtins(state.result)
    if state.forestalled is not None:
        gone = state.forestalled
        where = {"node": gone.node, "run": gone.run, "result": result}
        return {"job": gone.run, "status": state.status, "begun_at": gone.at, "ended_at": gone.at, **where}
    one, pinned = state.begun or state.taken, state.pinned
    if one is None or pinned is None:
        return None
    shown = {
        "job": pinned.job,
        "status": state.status,
        "argv": pinned.argv,
        "executable": pinned.executable,
        "begun_at": one.at,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "until": state.until,
        "attempt": state.attempt,
        "worker": state.worker,
        "timeout_seconds": pinned.timeout_seconds,
        "stopping": None if state.stopping is None else state.stopping.reason,
        "result": result,
    }
    return {**shown, **_where(state)}


def _where(state: State) -> dict[str, Any]:
    if state.taken is not None:
        taken = state.taken
        where = {"node": taken.node, "run": taken.run, "compute": taken.compute}
        return {**where, "execution": taken.execution, "booking": taken.booking}
    if state.place is not None:
        return {"compute": state.place.compute, "execution": state.place.execution}
    return {}
