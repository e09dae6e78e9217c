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
    among: str = ""
    """Other things that were gathered: a key must be one of theirs."""


@dataclass(frozen=True)
class Fact:
    """An event that the table records."""

    name: str
    about: str
    carries: Fields = field(default_factory=dict)
    gather: Gather | None = None
    is_dated: bool = False
    """Whether it keeps the instant of the command: a timer may count from it."""

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

    @property
    def is_ok(self) -> bool:
        """Whether the event tells of no failure: its code is 0, or it has none."""
        return "code" not in self.fact.carries or self.given.get("code") == 0


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
    """A command that a workflow says to itself some time after it has come to a state."""

    verb: str
    after: timedelta
    """Since it has come to the first of the states."""
    states: tuple[str, ...]
    """It is said when the workflow is in one of these then."""


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

    def cells(self) -> Iterator[tuple[Row, str, Cell]]:
        """Yield every cell with its row and state."""
        for one in self.rows:
            for state, cell in zip(self.states, one.cells, strict=True):
                yield one, state, cell

    def records(self) -> Iterator[tuple[Row, str, Record]]:
        """Yield the cells in which something happens."""
        for one, state, cell in self.cells():
            if isinstance(cell, Record):
                yield one, state, cell

    def is_running(self, state: str) -> bool:
        """Say whether it has begun and not ended in this state."""
        return state in self.states[1:] and state not in FINAL

    def facts(self) -> dict[str, Fact]:
        """Return the events by name, in the order in which the table names them."""
        return {cell.fact.name: cell.fact for _, _, cell in self.records()}

    def leads(self) -> dict[tuple[str, bool], str]:
        """Return the state that each event leads to; the flag says whether its code is 0, or it has none."""
        return {(cell.fact.name, cell.is_ok): cell.state for _, _, cell in self.records()}
