"""Jobs, routines and bookings that tasks of a run wait for: begun, told their end, and given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from actors.actor import Order, Turn
from actors.flow import booking
from actors.flow.booking import BOOK
from actors.flow.naming import behalf
from actors.flow.state import State
from messages import job, job_run, reservation, routine, routine_run
from messages.envelope import Address, derive
from messages.task_events import Called

JOB: Final = "job"
ROUTINE: Final = "routine"
PROGRAMS: Final = (JOB, ROUTINE)
"""What ``call`` names, and the argument that says which."""
ORDERED: Final = (*PROGRAMS, BOOK)
"""The calls that other entities of the node answer."""
RESERVATION: Final = "reservation"


def begin(state: State, event: Called, turn: Turn) -> Order:
    """Have a job or a routine run, or time booked, and be told what came of it."""
    run, mark = id_of(state, event.kind, turn.me.id, event.frame), f"{event.frame}.{event.attempt}"
    if event.kind == BOOK:
        begin = replace(booking.begin(event, turn, mark), behalf=behalf(state, event))
        return Order(Address(RESERVATION, run), begin)
    id = str(event.arguments[event.kind])
    if event.kind == ROUTINE:
        order = routine.Run(run=run, reply_to=turn.me, reply_mark=mark, behalf=behalf(state, event))
        return Order(Address(ROUTINE, id), order)
    wanted = _job(state, event.arguments, (turn.me, run, mark))
    return Order(Address(JOB, id), replace(wanted, behalf=behalf(state, event)))


def _job(state: State, arguments: Mapping[str, Any], who: tuple[Address, str, str]) -> job.Run:
    """Return the order to run a job, in the booking of the execution when it is on a compute."""
    on = str(arguments.get("on", ""))
    me, run, mark = who
    return job.Run(
        run=run,
        on=on,
        execution=state.execution if on else "",
        may_repeat=arguments.get("mayRepeat", False),
        reply_to=me,
        reply_mark=mark,
    )


def id_of(state: State, kind: str, me: str, frame: int) -> str:
    """Return the id of the run that a task waits for; a run that begins again has others."""
    return derive(me, f"{kind}/{frame}/{state.restarts}")


def cancel(state: State, kind: str, frame: int, turn: Turn) -> Order:
    """Give up what a task has waited for."""
    run, reason = id_of(state, kind, turn.me.id, frame), "given up above"
    if kind == BOOK:
        return Order(Address(RESERVATION, run), reservation.Cancel(reason=reason))
    if kind == ROUTINE:
        return Order(Address("routine_run", run), routine_run.Cancel(reason=reason))
    return Order(Address("job_run", run), job_run.Cancel(reason=reason))
