"""Workflows of phases: each is begun, then committed or aborted, and at last the whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from actors.table import (
    ARGUMENTS,
    COMMITTED,
    COMPLETED,
    CONFLICT,
    EXPIRED,
    FINAL,
    NOTHING,
    REMOVED,
    STARTED,
    UNINITIALIZED,
    Cell,
    Fact,
    Plan,
    Refuse,
    Row,
    Same,
    Table,
    row,
    work,
)
from messages.ephemeral import FAILED, RESULT, Fields, Words

ATTEMPTS_MAX = 5
"""How often the work of a phase is tried."""
EXPIRES = timedelta(days=5)
DELETED = timedelta(days=30)

RUNNING_CODE, PHASE_FAILED_CODE = 100, 101


def phased(
    kind: str,
    about: str,
    *,
    arguments: Fields,
    phases: Mapping[str, str],
    compared: tuple[str, ...] = (),
    plans: Mapping[str, Plan] | None = None,
    expires: timedelta = EXPIRES,
    deleted: timedelta = DELETED,
) -> Table:
    """Make the table of a workflow; ``phases`` are names and what is going on in each, for people."""
    states = (
        *(UNINITIALIZED, "initialized"),
        *(state for name in phases for state in (name, f"{name}_completed", f"{name}_failed")),
        *("completed", "failed", "terminated"),
    )
    maker = _Rows(states, tuple(phases))
    return Table(
        kind=kind,
        about=about,
        arguments=arguments,
        states=states,
        rows=(maker.init(), *maker.of_phases(), *maker.common()),
        says=_says(phases),
        compared=compared,
        plans=plans or {},
        expires=expires,
        deleted=deleted,
    )


def _says(phases: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    says = {"initialized": (RUNNING_CODE, "initializing")}
    for name, words in phases.items():
        says[name] = (RUNNING_CODE, words)
        says[f"{name}_completed"] = (RUNNING_CODE, f"{words} completed")
        says[f"{name}_failed"] = (PHASE_FAILED_CODE, f"{words} failed")
    return says


class _Rows:
    """The rows that all such workflows have, for these states."""

    def __init__(self, states: tuple[str, ...], phases: tuple[str, ...]) -> None:
        self._states = states
        self._phases = phases
        self._running = tuple(state for state in states[1:] if state not in FINAL)

    def _cells(self, cells: Mapping[str, Cell]) -> tuple[Cell, ...]:
        return tuple(cells.get(state, CONFLICT) for state in self._states)

    def init(self) -> Row:
        cells: dict[str, Cell] = {
            UNINITIALIZED: STARTED.to("initialized"),
            "initialized": Same("not_idempotent"),
        }
        return row("init", "Begin it.", *self._cells(cells), takes=ARGUMENTS)

    def of_phases(self) -> list[Row]:
        before = ("initialized", *(f"{name}_completed" for name in self._phases))
        return [
            made
            for name, start in zip(self._phases, before, strict=False)
            for made in self._phase(name, start)
        ]

    def _phase(self, name: str, start: str) -> tuple[Row, ...]:
        started = Fact(f"{name}_started", f"The phase {name} is under way.")
        ended = Fact(f"{name}_completed", f"The phase {name} has ended, well (code 0) or not.", RESULT)
        about = f"The phase {name} failed and is tried again."
        tried = Fact(f"{name}_retried", about, {"attempt": int, "message": str})
        done, failed = f"{name}_completed", f"{name}_failed"
        begin = self._cells({start: started.to(name), name: NOTHING})
        commit = self._cells({name: ended.to(done, code=0), done: NOTHING})
        abort = self._cells({name: ended.to(failed), failed: NOTHING})
        retry = self._cells({name: tried.to(name, at_most=ATTEMPTS_MAX - 1)})
        return (
            work(f"begin_{name}", f"Begin the phase {name}.", *begin),
            work(f"commit_{name}", f"The phase {name} is done.", *commit),
            work(f"abort_{name}", f"The phase {name} has failed.", *abort, takes=FAILED),
            work(
                f"retry_{name}", f"The phase {name} failed; try it again.", *retry, takes={"message": Words}
            ),
        )

    def common(self) -> tuple[Row, ...]:
        last = f"{self._phases[-1]}_completed"
        waiting = [state for state in self._running if state not in self._phases]
        fails, late = COMPLETED.to("failed"), COMPLETED.to("failed", code=EXPIRED, message="expired")
        ends, goes = COMMITTED.to("terminated"), REMOVED.to("deleted")
        commit: dict[str, Cell] = {last: COMPLETED.to("completed", code=0), "completed": NOTHING}
        abort: dict[str, Cell] = {"failed": NOTHING, "terminated": Refuse("already_terminated")}
        abort |= dict.fromkeys(waiting, fails)
        end: dict[str, Cell] = {"completed": ends, "failed": ends, "terminated": NOTHING}
        expire: dict[str, Cell] = {**dict.fromkeys(self._running, late), **dict.fromkeys(FINAL, NOTHING)}
        delete: dict[str, Cell] = {UNINITIALIZED: NOTHING, **dict.fromkeys(FINAL, goes)}
        return (
            work("commit", "It is done.", *self._cells(commit)),
            row("abort", "Give it up, unless a phase is under way.", *self._cells(abort), takes=FAILED),
            work("end", "Nothing is left to do.", *self._cells(end)),
            work("abort_expired", "Give up what took too long.", *self._cells(expire)),
            row("delete", "Remove it.", *self._cells(delete)),
        )
