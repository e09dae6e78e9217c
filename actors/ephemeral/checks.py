"""What a table must not say: each contradiction is told with its place before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from actors.ephemeral.table import (
    ARGUMENTS,
    DELETED,
    FINAL,
    UNINITIALIZED,
    Job,
    Record,
    Row,
    Same,
    Say,
    Table,
)
from messages.ephemeral import Fields

Problem: TypeAlias = tuple[str, str]
"""Where, below the table, and what."""

NEEDED_ROWS = ("init", "end", "abort_expired", "delete")
TIMERS_OF_ALL = ("expire", "delete")
EVENTS_OF_ALL = ("rejected", "dead")
"""What is told of commands and is no event."""
SHOWN = (
    *("kind", "id", "version", "type", "state", "code", "status", "message", "is_final"),
    *("attempts", "started_at", "completed_at", "next"),
)
"""What stands beside the arguments where a workflow is shown, or may be brought along to others."""
BROUGHT = ("id", "code", "message")
"""What a step can say of the workflow besides its arguments."""
COUNTED = "attempt"

_WORD = re.compile(r"[a-z][a-z0-9_]*")


def check(table: Table) -> None:
    """Raise ValueError, naming the place, when a table contradicts itself."""
    for rule in RULES:
        for place, problem in rule(table):
            raise ValueError(f"{table.kind}{place and '.' + place}: {problem}")


def _states(table: Table) -> Iterator[Problem]:
    if not _WORD.fullmatch(table.kind):
        yield "", "a kind is a word in lower case"
    if table.states[0] != UNINITIALIZED:
        yield "", f"its first state is {UNINITIALIZED}, not {table.states[0]}"
    if len(set(table.states)) != len(table.states) or DELETED in table.states:
        yield "", f"each state stands once, and {DELETED} never"
    if not set(table.states) & set(FINAL):
        yield "", f"it has no state to end in: {', '.join(FINAL)}"
    for state in table.says:
        if state not in table.states or state in FINAL:
            yield "says", f"{state} is no state on the way"


def _rows(table: Table) -> Iterator[Problem]:
    for one in table.rows:
        if len(one.cells) != len(table.states):
            yield one.verb, f"{len(one.cells)} cells for {len(table.states)} states"
        if [other.verb for other in table.rows].count(one.verb) > 1:
            yield one.verb, "it stands there twice"
        if one.takes is not ARGUMENTS and any(isinstance(cell, Same) for cell in one.cells):
            yield one.verb, "it has no arguments that can be the same"
    verbs = {one.verb for one in table.rows}
    for verb in NEEDED_ROWS:
        if verb not in verbs:
            yield verb, "every workflow has this command"


def _arguments(table: Table) -> Iterator[Problem]:
    if "registry_id" not in needed(table.arguments):
        yield "arguments", "registry_id says in whose index it stands, and is needed"
    for name in table.arguments:
        if name in (*SHOWN, "at"):
            yield "arguments", f"{name} means something else already"
    for name in table.compared:
        if name not in table.arguments:
            yield "compared", f"there is no argument {name}"


def _facts(table: Table) -> Iterator[Problem]:
    gathered = {fact.gather.into for fact in table.facts().values() if fact.gather}
    for one, state, cell in table.records():
        fact, gather, here = cell.fact, cell.fact.gather, f"{one.verb} in {state}"
        if table.facts()[fact.name] != fact:
            yield here, f"another event is named {fact.name}"
        if fact.name in EVENTS_OF_ALL or not _WORD.fullmatch(fact.name):
            yield here, f"no event can be named {fact.name}"
        if {"at", "type"} & fact.carries.keys():
            yield here, "the event has fields named at and type already"
        if "code" in fact.carries and "message" not in fact.carries:
            yield here, "a code comes with a message"
        if gather and not {gather.key, gather.value} <= fact.carries.keys():
            yield here, f"{gather.key} and {gather.value} are fields of the event"
        if gather and (gather.into in (*SHOWN, *table.arguments) or {gather.among} - {"", *gathered}):
            yield here, f"{gather.into} is no name for what is gathered, or {gather.among} is not"
        if cell.at_most and COUNTED not in fact.carries:
            yield here, f"what is bounded is counted, in a field {COUNTED}"


def _records(table: Table) -> Iterator[Problem]:
    leads: dict[tuple[str, bool], str] = {}
    for one, state, cell in table.records():
        here = f"{one.verb} in {state}"
        if cell.state not in (*table.states[1:], DELETED):
            yield here, f"there is no state {cell.state} to go to"
        if leads.setdefault((cell.fact.name, cell.is_ok), cell.state) != cell.state:
            yield here, f"{cell.fact.name} leads to {leads[cell.fact.name, cell.is_ok]} elsewhere"
        fields = table.arguments if cell.fact.carries is ARGUMENTS else cell.fact.carries
        wanted = set(fields) if "code" in fields else needed(fields)
        takes = table.arguments if one.takes is ARGUMENTS else one.takes
        lacking = wanted - takes.keys() - cell.given.keys() - {COUNTED}
        if lacking - ({"message"} if cell.is_ok else set()):
            yield here, f"nobody tells {', '.join(sorted(lacking))} of {cell.fact.name}"


def _life(table: Table) -> Iterator[Problem]:
    for one, state, cell in table.records():
        here, name, is_dated = f"{one.verb} in {state}", cell.fact.name, cell.fact.is_dated
        begins = state == UNINITIALIZED
        if begins != (name == "started") or (begins and not (one.verb == "init" and is_dated)):
            yield here, f"init alone leads out of {UNINITIALIZED}, with a dated event started"
        if (name == "started") != (cell.fact.carries is ARGUMENTS):
            yield here, "started has the arguments, and no other event"
        ends = cell.state in FINAL and state not in FINAL
        if ends != (name == "completed") or (ends and not is_dated):
            yield here, "what ends it is a dated event completed, and nothing else is"
        if state in FINAL and cell.state not in (*FINAL, DELETED):
            yield here, f"nothing leads back from {state}"
        if (name == DELETED) != (cell.state == DELETED):
            yield here, f"{DELETED} leads behind all states, and no other event"
    for one, state, found in table.cells():
        if one.verb == "abort_expired" and table.is_running(state) and _goes(found) not in FINAL:
            yield f"abort_expired in {state}", "it would never expire"
        if one.verb == "delete" and state in FINAL and _goes(found) != DELETED:
            yield f"delete in {state}", "it would never be deleted"


def _goes(cell: object) -> str:
    return cell.state if isinstance(cell, Record) else ""


def _ways(table: Table) -> Iterator[Problem]:
    reached = {UNINITIALIZED}
    for _ in table.states:  # the longest way leads through all of them
        reached |= {cell.state for _, state, cell in table.records() if state in reached}
    for state in table.states:
        if state not in reached:
            yield "states", f"nothing leads to {state}"


def _plans(table: Table) -> Iterator[Problem]:
    for state, plan in table.plans.items():
        if state not in table.states[1:]:
            yield f"plans.{state}", "there is no such state"
        for step in (*plan.steps, *plan.undo):
            here = f"plans.{state}.{step.name if isinstance(step, Job) else step.verb}"
            for problem in _step(table, step):
                yield here, problem
            if isinstance(step, Say) and step.otherwise and not plan.undo:
                yield here, "its refusal ends the workflow, and nothing says how"


def _step(table: Table, step: Say | Job) -> Iterator[str]:
    if isinstance(step, Job):
        if step.below not in table.arguments:
            yield f"there is no argument {step.below}"
        return
    for source in step.body.values():
        if source not in (*table.arguments, *BROUGHT):
            yield f"there is no argument {source}"
    if step.kind and step.to not in table.arguments:
        yield f"no argument {step.to} says which {step.kind}"
    if not step.kind:
        yield from _own(table, step)


def _own(table: Table, step: Say) -> Iterator[str]:
    takes = {one.verb: one.takes for one in table.rows}.get(step.verb)
    if takes is None:
        yield "it has no such command"
    elif not needed(takes) <= step.body.keys() <= takes.keys():
        yield f"the command takes {_listed(takes)}"


def _timers(table: Table) -> Iterator[Problem]:
    rows: dict[str, Row] = {one.verb: one for one in table.rows}
    for name, timer in table.timers.items():
        here = f"timers.{name}"
        if name in TIMERS_OF_ALL or not _WORD.fullmatch(name):
            yield here, "it cannot be named so"
        takes = rows[timer.verb].takes if timer.verb in rows else None
        if takes is None:
            yield here, f"there is no command {timer.verb}"
        elif takes is ARGUMENTS or needed(takes):
            yield here, f"{timer.verb} takes {_listed(takes)}, which a timer has not"
        for state in timer.states:
            if not table.is_running(state):
                yield here, f"{state} is no state on the way"
        arrivals = [cell.fact for _, _, cell in table.records() if cell.state == timer.states[0]]
        if not any(fact.is_dated for fact in arrivals):
            yield here, f"no dated event leads to {timer.states[0]}"


def _listed(fields: Fields) -> str:
    if fields is ARGUMENTS:
        return "the arguments"
    return ", ".join(fields) or "nothing"


def needed(fields: Fields) -> set[str]:
    """Return the names of the fields that cannot be left out."""
    return {name for name, type_ in fields.items() if not isinstance(type_, tuple)}


RULES: tuple[Callable[[Table], Iterator[Problem]], ...] = (
    *(_states, _rows, _arguments, _facts, _records, _life, _ways, _plans, _timers),
)
"""In this order: each may take for granted what those before it have checked."""
