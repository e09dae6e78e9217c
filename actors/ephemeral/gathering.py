"""Workflows that gather: workers tell what they find, and somebody says that it is all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from actors.ephemeral.table import (
    ARGUMENTS,
    COMMITTED,
    COMPLETED,
    CONFLICT,
    EXPIRED,
    NOTHING,
    REMOVED,
    STARTED,
    Fact,
    Plan,
    Refuse,
    Row,
    Same,
    Table,
    Timer,
    row,
    work,
)
from messages.ephemeral import FAILED, Fields

EXPIRES = timedelta(days=1)
DELETED = timedelta(days=5)
RUNNING_CODE = 100

ADVANCED = Refuse("state_advanced")
DONE = COMPLETED.to("completed", code=0)
FAILS = COMPLETED.to("completed")
LATE = COMPLETED.to("completed", code=EXPIRED, message="expired")
ENDS = COMMITTED.to("terminated")
GOES = REMOVED.to("deleted")


def gathering(
    kind: str,
    about: str,
    *,
    arguments: Fields,
    state: str,
    tell: tuple[str, str],
    takes: Fields,
    fact: Fact,
    plans: Mapping[str, Plan] | None = None,
    timers: Mapping[str, Timer] | None = None,
) -> Table:
    """Make the table of a workflow.

    ``tell`` is the command with which workers tell one thing, and what it says; ``fact`` is what is
    recorded then, and ``state`` where that leads.
    """
    return Table(
        kind=kind,
        about=about,
        arguments=arguments,
        states=("uninitialized", "initialized", state, "completed", "terminated"),
        rows=_rows(tell, takes, fact, state),
        says={"initialized": (RUNNING_CODE, "initializing"), state: (RUNNING_CODE, state)},
        plans=plans or {},
        timers=timers or {},
        expires=EXPIRES,
        deleted=DELETED,
    )


def _rows(tell: tuple[str, str], takes: Fields, fact: Fact, state: str) -> tuple[Row, ...]:
    more = fact.to(state)
    begun, same = STARTED.to("initialized"), Same("init_conflict")
    # fmt: off
    return (
        # uninitialized, initialized, gathering, completed, terminated
        row("init", "Begin it.",
            begun,    same,     ADVANCED, ADVANCED, ADVANCED, takes=ARGUMENTS),
        work(*tell,
            CONFLICT, more,     more,     CONFLICT, CONFLICT, takes=takes),
        work("commit", "All is told.",
            CONFLICT, DONE,     DONE,     NOTHING,  CONFLICT),
        row("fail", "It cannot be told.",
            CONFLICT, FAILS,    FAILS,    NOTHING,  CONFLICT, takes=FAILED),
        work("abort_expired", "Give up what took too long.",
            CONFLICT, LATE,     LATE,     NOTHING,  NOTHING),
        work("end", "Nothing is left to do.",
            CONFLICT, CONFLICT, CONFLICT, ENDS,     NOTHING),
        row("delete", "Remove it.",
            NOTHING,  CONFLICT, CONFLICT, GOES,     GOES),
    )
    # fmt: on
