"""What must hold of every table, whatever it says: each cell is come to, said, and said again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, get_args

import msgspec

from actors.actor import Actor, Task
from actors.ephemeral import ephemeral
from actors.ephemeral.table import (
    DELETED,
    FINAL,
    UNINITIALIZED,
    Cell,
    Nothing,
    Record,
    Refuse,
    Row,
    Same,
    Say,
    Table,
)
from messages import workflow_index
from messages.base import Message, tag
from messages.ephemeral import Advance
from tests.spec import NOON, Given, Result, given

VALUES: tuple[Any, ...] = ("a-1", "/a/b", 1, True, 1.5, "2026-10-24T12:00:00Z", [], {}, None)
"""One of them fits each field of a command."""
OTHERS: tuple[Any, ...] = ("b-2", "/c/d", 2, False, 2.5, "2027-10-24T12:00:00Z", ["b-2"], {"b": 2}, None)
"""The same, in the same order, when another value is wanted."""
ID = "w-1"


@dataclass(frozen=True)
class Case:
    """A cell of a table."""

    actor: Actor[Any, Any, Any]
    table: Table
    row: Row
    state: str
    cell: Cell

    def __str__(self) -> str:
        return f"{self.table.kind}-{self.row.verb}-{self.state}"


def cases(*tables: Table) -> list[Case]:
    """Return all cells, those of what is deleted included."""
    return [
        Case(actor, table, row, state, cell)
        for table, actor in ((table, ephemeral.actor(table)) for table in tables)
        for row, state, cell in (*table.cells(), *((row, DELETED, _behind(row)) for row in table.rows))
    ]


def _behind(row: Row) -> Cell:
    return Nothing() if row.verb == "delete" else Refuse("deleted")


def holds(case: Case) -> None:
    """Say the command in the state, and again, and compare all that comes of it with the table."""
    actor, before = case.actor, come_to(case.actor, case.table, case.state)
    command, at = says(actor, case.row.verb), moment(case.table, case.row.verb)

    result = before.when(command, at=at)
    _is_as(case, before, result)
    after = Given(actor, result.state, ID)
    there = replace(case, state=after.state.state, cell=_cell(case, after.state.state))
    _is_as(there, after, after.when(command, at=at))

    for one in (before, after):
        _has_its_alarms(case.table, one)
        assert (actor.summary(one.state) is None) == (one.state.state in (UNINITIALIZED, DELETED))
        assert (one.state.completed_at is not None) == (one.state.state in (*FINAL, DELETED))


def _cell(case: Case, state: str) -> Cell:
    if state == DELETED:
        return _behind(case.row)
    return case.row.cells[case.table.states.index(state)]


def _is_as(case: Case, before: Given, result: Result) -> None:
    match case.cell:
        case Refuse(code):
            result.then_rejected(code)
        case Nothing():
            result.then_nothing()
        case Same(otherwise):
            result.then_nothing()
            _only_the_same(case, before, otherwise)
        case Record(at_most=at_most) if at_most and before.state.attempts == at_most:
            result.then_rejected("retries_exhausted")
        case Record():
            _is_recorded(case, case.cell, before, result)


def _only_the_same(case: Case, before: Given, otherwise: str) -> None:
    command = says(case.actor, case.row.verb)
    for name in case.table.compared or case.table.arguments:
        before.when(_other(command, name)).then_rejected(otherwise)
    for name in set(case.table.arguments) - set(case.table.compared or case.table.arguments):
        before.when(_other(command, name)).then_nothing()


def _other(command: Message, name: str) -> Message:
    """Return the command with another value of a field."""
    type_ = next(field.type for field in msgspec.structs.fields(command) if field.name == name)
    return msgspec.structs.replace(command, **{name: value(type_, OTHERS)})


def _is_recorded(case: Case, cell: Record, before: Given, result: Result) -> None:
    assert result.refusal is None, result.refusal
    (event,) = result.events
    assert tag(event) == f"{case.table.kind}.{cell.fact.name}"
    assert msgspec.structs.asdict(event).items() >= cell.given.items()
    assert result.state.state == cell.state
    assert (result.state.started_at is None) == (cell.state == UNINITIALIZED)
    plan = case.table.plans.get(cell.state)
    wanted = [plan.queue] if plan is not None and cell.state != before.state.state else []
    tasks = [effect for effect in result.effects if isinstance(effect, Task)]
    assert [task.queue for task in tasks] == wanted
    for task in tasks:
        msgspec.json.decode(msgspec.json.encode(task.body), type=Advance)
    assert [order.command for order in result.orders] == _for_the_index(case.table, cell)


def _for_the_index(table: Table, cell: Record) -> list[Message]:
    commit = workflow_index.Commit(workflow=ID)
    words: dict[str, list[Message]] = {
        "started": [workflow_index.Begin(workflow=ID, workflow_kind=table.kind)],
        "completed": [commit],
        DELETED: [commit, workflow_index.Delete(workflow=ID)],
    }
    return words.get(cell.fact.name, [])


def _has_its_alarms(table: Table, one: Given) -> None:
    state, alarms = one.state, one.actor.alarms(one.state)
    if state.state in (UNINITIALIZED, DELETED):
        assert alarms == {}
    elif state.state in FINAL:
        assert alarms == {"delete": state.completed_at + table.deleted}
    else:
        timers = {name for name, timer in table.timers.items() if state.state in timer.states}
        assert alarms.keys() == {"expire"} | timers
        assert alarms["expire"] == NOON + table.expires


def come_to(actor: Actor[Any, Any, Any], table: Table, state: str) -> Given:
    """Return a workflow in a state, that was told in each state before whatever can be told there."""
    one = given(actor, id=ID)
    for verb in (*way(table, state), *([] if state != DELETED else ["delete"])):
        one = one.after(says(actor, verb), at=moment(table, verb))
        for more in told_in(table, one.state.state):
            one = one.after(says(actor, more))
    assert one.state.state == state
    return one


def way(table: Table, state: str) -> tuple[str, ...]:
    """Return the shortest way of commands to a state; behind all states: to the first that is final."""
    ways: dict[str, tuple[str, ...]] = {UNINITIALIZED: ()}
    for _ in table.states:  # the longest way leads through all of them
        for here, before in list(ways.items()):
            for row, source, cell in table.records():
                if source == here and cell.state != DELETED:
                    ways.setdefault(cell.state, (*before, row.verb))
    return ways[next(name for name in ways if name in FINAL)] if state == DELETED else ways[state]


def told_in(table: Table, state: str) -> list[str]:
    """Return the commands with which something is told in a state."""
    records = [(row, cell) for row, source, cell in table.records() if source == state == cell.state]
    return [row.verb for row, cell in records if cell.fact.gather]


def moment(table: Table, verb: str) -> Any:
    """Return when a command can be said."""
    return NOON + (table.expires if verb == "abort_expired" else timedelta())


def says(actor: Actor[Any, Any, Any], verb: str, values: tuple[Any, ...] = VALUES) -> Message:
    """Make a command that the actor takes."""
    struct = next(one for one in actor.commands if tag(one) == f"{actor.kind}.{verb}")
    made: Message = struct(
        **{field.name: value(field.type, values) for field in msgspec.structs.fields(struct)}
    )
    return made


def value(type_: Any, values: tuple[Any, ...] = VALUES) -> Any:
    """Return a value of a type."""
    choices = [one for one in get_args(type_) if isinstance(one, str | int)]
    for one in (*(choices if values is VALUES else choices[::-1]), *values):
        try:
            return msgspec.convert(one, type_)
        except msgspec.ValidationError:
            continue
    raise AssertionError(f"no value for {type_}")


def speaks(table: Table, actors: tuple[Actor[Any, Any, Any], ...]) -> None:
    """Check that what its plans say to others is what those take."""
    structs = {tag(command): command for actor in actors for command in actor.commands}
    for plan in table.plans.values():
        for step in (*plan.steps, *plan.undo):
            if isinstance(step, Say) and step.kind:
                fields = msgspec.structs.fields(structs[f"{step.kind}.{step.verb}"])
                wanted = {field.name for field in fields if field.required}
                assert wanted <= step.body.keys() <= {field.name for field in fields}, step
