"""Workflows of phases: each is begun, then committed or aborted, and at last the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from actors.ephemeral.table import (
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
    Timer,
    row,
    work,
)
from messages.ephemeral import FAILED_BRIEFLY, RESULT, Fields, Words

ATTEMPTS_MAX = 5
"""How often the work of a phase is tried."""
EXPIRES = timedelta(days=5)
DELETED = timedelta(days=30)

RUNNING_CODE, PHASE_FAILED_CODE = 100, 101


@dataclass(frozen=True, kw_only=True)
class More:
    """A command that one workflow has besides those of all; where it has no cell it is refused."""

    verb: str
    about: str
    cells: Mapping[str, Cell]
    takes: Fields = field(default_factory=dict)
    is_for_workers: bool = False


def phased(
    kind: str,
    about: str,
    *,
    arguments: Fields,
    phases: Mapping[str, str],
    before: Mapping[str, str] | None = None,
    more: Sequence[More] = (),
    compared: tuple[str, ...] = (),
    plans: Mapping[str, Plan] | None = None,
    timers: Mapping[str, Timer] | None = None,
    expires: timedelta = EXPIRES,
    deleted: timedelta = DELETED,
) -> Table:
    """Make the table of a workflow; ``phases`` are names and what is going on in each, for people.

    ``before`` are states, and what they wait for, that it comes to before the first phase, which begins
    in the last of them; ``more`` are the commands that lead there, or tell something in a phase.
    """
    before = before or {}
    states = (
        *(UNINITIALIZED, "initialized", *before),
        *(state for name in phases for state in (name, f"{name}_completed", f"{name}_failed")),
        *("completed", "failed", "terminated"),
    )
    maker = _Rows(states, tuple(phases))
    own = [maker.more(one) for one in more]
    return Table(
        kind=kind,
        about=about,
        arguments=arguments,
        states=states,
        rows=(maker.init(), *own, *maker.of_phases(), *maker.common()),
        says=_says(before, phases),
        compared=compared,
        plans=plans or {},
        timers=timers or {},
        expires=expires,
        deleted=deleted,
    )


def _says(before: Mapping[str, str], phases: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    says = {"initialized": (RUNNING_CODE, "initializing")}
    says |= {state: (RUNNING_CODE, words) for state, words in before.items()}
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

    def more(self, one: More) -> Row:
        return Row(one.verb, one.about, self._cells(one.cells), one.takes, one.is_for_workers)

    def of_phases(self) -> list[Row]:
        first = self._states[self._states.index(self._phases[0]) - 1]
        before = (first, *(f"{name}_completed" for name in self._phases))
        return [
            made
            for name, start in zip(self._phases, before, strict=False)
            for made in self._phase(name, start)
        ]

    def _phase(self, name: str, start: str) -> tuple[Row, ...]:
        started = Fact(f"{name}_started", f"The phase {name} is under way.", is_dated=True)
        about = f"The phase {name} has ended, well (code 0) or not."
        ended = Fact(f"{name}_completed", about, RESULT, is_dated=True)
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
            work(f"abort_{name}", f"The phase {name} has failed.", *abort, takes=FAILED_BRIEFLY),
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
            row(
                "abort",
                "Give it up; not while a phase is under way.",
                *self._cells(abort),
                takes=FAILED_BRIEFLY,
            ),
            work("end", "Nothing is left to do.", *self._cells(end)),
            work("abort_expired", "Give up what took too long.", *self._cells(expire)),
            row("delete", "Remove it.", *self._cells(delete)),
        )
