"""The tables of ephemeral workflows as Markdown: what each command does in each state, and all around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from actors.ephemeral.table import (
    ARGUMENTS,
    FINAL,
    UNINITIALIZED,
    Cell,
    Fact,
    Job,
    Nothing,
    Plan,
    Record,
    Refuse,
    Row,
    Same,
    Say,
    Table,
)

UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))
SECOND = timedelta(seconds=1)


def markdown(tables: Iterable[Table]) -> str:
    """Return the tables, a chapter each."""
    return "\n".join(line for table in tables for line in _chapter(table))


def _chapter(table: Table) -> Iterator[str]:
    yield from (f"## {table.kind}", "", table.about, "")
    arguments = _names(table.arguments)
    yield f"It is begun with {arguments}."
    if table.compared:
        yield f"Two begins are the same when they have the same {_names(table.compared)}."
    yield from (
        "",
        *transitions(table),
        "",
        "Commands in bold are for people; workers and actors say the others.",
    )
    yield from ("", *_grid(("event", "fields", ""), map(_event, table.facts().values())), "")
    yield from (*_grid(("state", "code", "status"), _statuses(table)), "")
    yield from (_times(table), "")
    if table.plans:
        yield from (*_grid(("state", "queue", "who brings it on"), _plans(table)), "")


def transitions(table: Table) -> list[str]:
    """Return the table of commands and states alone."""
    rows = [(_command(row), *_cells(table, row)) for row in table.rows]
    return _grid(("command \\ state", *table.states), rows)


def _grid(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_line(heading), _line(["---"] * len(heading)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _command(row: Row) -> str:
    takes = "" if row.takes is ARGUMENTS or not row.takes else f"({', '.join(row.takes)})"
    return f"{row.verb}{takes}" if row.is_for_workers else f"**{row.verb}**{takes}"


def _cells(table: Table, row: Row) -> Iterator[str]:
    for state, cell in zip(table.states, row.cells, strict=True):
        yield _cell(state, cell)


def _cell(state: str, cell: Cell) -> str:
    match cell:
        case Nothing():
            return "nothing"
        case Refuse(code):
            return f"`{code}`"
        case Same(otherwise):
            return f"same arguments: nothing; other: `{otherwise}`"
        case Record():
            return _record(state, cell)


def _record(state: str, cell: Record) -> str:
    words = [f'"{value}"' if isinstance(value, str) else str(value) for value in cell.given.values()]
    brought = " ".join(words) or ("code" if "code" in cell.fact.carries else "")
    code = f"({brought})" if brought else ""
    leads = "" if cell.state in (state, cell.fact.name) else f" → {cell.state}"
    bound = f", at most {cell.at_most} times" if cell.at_most else ""
    return f"{cell.fact.name}{code}{leads}{bound}"


def _event(fact: Fact) -> tuple[str, str, str]:
    fields = "the arguments" if fact.carries is ARGUMENTS else _names(fact.carries)
    dated = "`at`" if fact.is_dated else ""
    about = fact.about
    if fact.gather is not None:
        about += f" Gathered in `{fact.gather.into}`, at most {fact.gather.at_most:,}."
    return fact.name, ", ".join(part for part in (fields, dated) if part), about


def _statuses(table: Table) -> Iterator[tuple[str, str, str]]:
    for state in table.states:
        if state == UNINITIALIZED:
            continue
        code, words = table.says.get(state, ("the stored one", state))
        yield state, str(code), words + (", final" if state in FINAL else "")


def _times(table: Table) -> str:
    told = [
        f"It says `{timer.verb}` to itself {_duration(timer.after)} after it has come to {timer.states[0]}, "
        f"if it is {' or '.join(timer.states)} then."
        for timer in table.timers.values()
    ]
    told.append(f"It expires {_duration(table.expires)} after its begin,")
    told.append(f"and is deleted {_duration(table.deleted)} after its completion.")
    return " ".join(told)


def _duration(time: timedelta) -> str:
    for unit, name in (*UNITS, (SECOND, "second")):
        if time >= unit and not time % unit:
            count = time // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{time.total_seconds():g} seconds"


def _plans(table: Table) -> Iterator[tuple[str, str, str]]:
    for state, plan in table.plans.items():
        yield state, f"`{plan.queue}`", _steps(plan)


def _steps(plan: Plan) -> str:
    told = ", ".join(map(_step, plan.steps))
    return f"{told}; when refused with a code: {', '.join(map(_step, plan.undo))}" if plan.undo else told


def _step(step: Say | Job) -> str:
    if isinstance(step, Job):
        return f"the job `{step.name}` below `{step.below}`"
    refused = f" (refused: {step.otherwise})" if step.otherwise else ""
    return f"`{step.kind}.{step.verb}`{refused}" if step.kind else f"`{step.verb}`{refused}"


def _names(fields: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in fields)
