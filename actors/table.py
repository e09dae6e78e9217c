"""The table of an ephemeral workflow: what each command does in each state, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from messages.ephemeral import RESULT, Fields

UNINITIALIZED = "uninitialized"
DELETED = "deleted"
"""The state behind all tables: nothing more can be said to it until its id is free again."""
FINAL = ("completed", "failed", "terminated")
EXPIRED = 104
"""The code of a workflow that took too long."""
ARGUMENTS: Fields = {}
"""Stands for the arguments of the table."""


@dataclass(frozen=True)
class Gather:
    """Events of one sort add up: ``into[event.key] = event.value``."""

    into: str
    key: str
    value: str
    at_most: int
    """How many keys there may be."""


@dataclass(frozen=True)
class Fact:
    """An event that the table records."""

    name: str
    about: str
    carries: Fields = field(default_factory=dict)
    gather: Gather | None = None
    is_dated: bool = False
    """Whether it keeps the instant of the command."""

    def to(self, state: str, *, at_most: int = 0, **given: Any) -> Record:
        """Record it and go to a state; ``given`` are fields that the command does not bring."""
        return Record(self, state, given, at_most)


@dataclass(frozen=True)
class Record:
    """A cell: the event is recorded and leads to the state."""

    fact: Fact
    state: str
    given: Mapping[str, Any]
    at_most: int = 0
    """How often, when the event counts attempts."""


@dataclass(frozen=True)
class Nothing:
    """A cell: there is nothing left to do, which is as good as done."""


@dataclass(frozen=True)
class Same:
    """A cell: the same arguments again change nothing, others are refused with this code."""

    otherwise: str


@dataclass(frozen=True)
class Refuse:
    """A cell: the command is refused with this code."""

    code: str


Cell: TypeAlias = Record | Nothing | Same | Refuse

NOTHING = Nothing()
CONFLICT = Refuse("state_conflict")

STARTED = Fact("started", "It is begun with these arguments.", ARGUMENTS, is_dated=True)
COMPLETED = Fact("completed", "It has done what it was to do (code 0), or has failed.", RESULT, is_dated=True)
COMMITTED = Fact("committed", "Nothing is left to do.")
REMOVED = Fact("deleted", "It is no more: nobody sees it, and its id is not free yet.")


@dataclass(frozen=True)
class Row:
    """A command, and its cell for each state of the table."""

    verb: str
    about: str
    cells: tuple[Cell, ...]
    takes: Fields
    is_for_workers: bool


def row(verb: str, about: str, *cells: Cell, takes: Fields | None = None) -> Row:
    """Write a row; ``takes`` are the fields of the command."""
    return Row(verb, about, cells, {} if takes is None else takes, is_for_workers=False)


def work(verb: str, about: str, *cells: Cell, takes: Fields | None = None) -> Row:
    """Write the row of a command that workers and actors say, rather than people."""
    return Row(verb, about, cells, {} if takes is None else takes, is_for_workers=True)


@dataclass(frozen=True, kw_only=True)
class Say:
    """A step of a plan: say a command to a participant, or to the workflow itself."""

    verb: str
    kind: str = ""
    """The kind of the participant; empty: the workflow itself."""
    to: str = ""
    """The argument that holds the participant's id."""
    body: Mapping[str, str] = field(default_factory=dict)
    """Fields, and where each is taken from: an argument, or ``id``, ``code``, ``message`` of the workflow."""
    otherwise: int = 0
    """The code with which a refusal ends the workflow; 0: it only ends this work."""
    is_release: bool = False
    """Whether a refusal is as good as done: what it lets go of is held by another workflow, or by none."""


@dataclass(frozen=True)
class Job:
    """A step of a plan: work on files, which the workers of a queue know by its name."""

    name: str
    below: str
    """The argument that holds the path; only the workers of a prefix above it do the work."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who brings a workflow on from a state, and how."""

    queue: str
    steps: tuple[Say | Job, ...]
    undo: tuple[Say, ...] = ()
    """What is said when a step with ``otherwise`` was refused, with that code and the reason."""


@dataclass(frozen=True)
class Timer:
    """A command that a workflow says to itself some time after it was begun."""

    verb: str
    after: timedelta
    states: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A whole ephemeral workflow."""

    kind: str
    about: str
    arguments: Fields
    """What ``init`` takes; ``registry_id`` says in whose index it stands."""
    states: tuple[str, ...]
    """The columns; the first is before anything was written."""
    rows: tuple[Row, ...]
    says: Mapping[str, tuple[int, str]]
    """The code and words of the status, by state; in others it is the stored code and message."""
    compared: tuple[str, ...] = ()
    """The arguments that make the same ``init``; empty: all."""
    plans: Mapping[str, Plan] = field(default_factory=dict)
    timers: Mapping[str, Timer] = field(default_factory=dict)
    expires: timedelta
    """How long it may take before it is aborted."""
    deleted: timedelta
    """How long after its completion it is deleted."""

    def __post_init__(self) -> None:
        check(self)

    def cells(self) -> Iterator[tuple[Row, str, Cell]]:
        """Yield every cell with its row and state."""
        for one in self.rows:
            for state, cell in zip(self.states, one.cells, strict=True):
                yield one, state, cell

    def facts(self) -> dict[str, Fact]:
        """Return the events by name, in the order in which the table names them."""
        return {cell.fact.name: cell.fact for _, _, cell in self.cells() if isinstance(cell, Record)}

    def leads(self) -> dict[tuple[str, bool], str]:
        """Return the state that each event leads to; the flag says whether its code is 0, or it has none."""
        return {_is_ok(cell): cell.state for _, _, cell in self.cells() if isinstance(cell, Record)}

    def moves(self) -> frozenset[str]:
        """Return the names of the events that lead from one state to another."""
        records = ((state, cell) for _, state, cell in self.cells() if isinstance(cell, Record))
        return frozenset(cell.fact.name for state, cell in records if cell.state != state)


def _is_ok(cell: Record) -> tuple[str, bool]:
    is_ok = "code" not in cell.fact.carries or cell.given.get("code") == 0
    return cell.fact.name, is_ok


def check(table: Table) -> None:
    """Raise ValueError, naming the place, when a table contradicts itself."""
    if table.states[0] != UNINITIALIZED or "registry_id" not in table.arguments:
        raise ValueError(f"{table.kind}: its first state is {UNINITIALIZED}, and it needs a registry_id")
    for one in table.rows:
        if len(one.cells) != len(table.states):
            raise ValueError(
                f"{table.kind}.{one.verb}: {len(one.cells)} cells for {len(table.states)} states"
            )
    leads: dict[tuple[str, bool], str] = {}
    for one, state, cell in table.cells():
        if not isinstance(cell, Record):
            continue
        if cell.state not in (*table.states, DELETED):
            raise ValueError(f"{table.kind}.{one.verb} in {state}: there is no state {cell.state}")
        if leads.setdefault(_is_ok(cell), cell.state) != cell.state:
            raise ValueError(f"{table.kind}: {cell.fact.name} leads to {cell.state} and elsewhere")
