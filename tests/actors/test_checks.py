"""A table that contradicts itself is refused, and the error names the place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from actors import TABLES
from actors.ephemeral import ephemeral
from actors.ephemeral.checks import RULES, check
from actors.ephemeral.phased import More, phased
from actors.ephemeral.table import (
    COMPLETED,
    NOTHING,
    STARTED,
    Cell,
    Fact,
    Gather,
    Job,
    Plan,
    Record,
    Row,
    Same,
    Say,
    Table,
    Timer,
)
from messages.base import Name, Token
from messages.ephemeral import RESULT

ARGUMENTS = {"registry_id": Token, "cake": Name}
TOY = phased("toy", "Bake a cake.", arguments=ARGUMENTS, phases={"baking": "baking"})
DAY = timedelta(days=1)
TOLD = Fact("told", "Something is told.", {"name": str, "size": int}, Gather("all", "name", "size", 3))
TAKES = {"name": Name, "size": int}


def tells(fact: Fact = TOLD, state: str = "baking", **more: Any) -> Table:
    """Return the toy with one more command, which tells something in a phase."""
    own = More(verb="tell", about="Tell.", cells={"baking": fact.to(state, **more)}, takes=TAKES)
    return phased("toy", "Bake.", arguments=ARGUMENTS, phases={"baking": "baking"}, more=[own])


def waits(fact: Fact) -> Table:
    """Return the toy with one more state before its phase, and a timer that counts from there."""
    own = More(verb="tell", about="Tell.", cells={"initialized": fact.to("told")}, takes=TAKES)
    table = phased(
        *("toy", "Bake."),
        arguments=ARGUMENTS,
        phases={"baking": "baking"},
        before={"told": "all is told"},
        more=[own],
    )
    return replace(table, timers={"ring": Timer("begin_baking", DAY, ("told",))})


def put(verb: str, cells: Mapping[str, Cell]) -> Table:
    """Return the toy with other cells in a row."""
    return replace(TOY, rows=tuple(_put(row, cells) if row.verb == verb else row for row in TOY.rows))


def _put(row: Row, cells: Mapping[str, Cell]) -> Row:
    places = enumerate(TOY.states)
    return replace(row, cells=tuple(cells.get(state, row.cells[place]) for place, state in places))


def plan(*steps: Say | Job, state: str = "baking", undo: tuple[Say, ...] = ()) -> Table:
    return replace(TOY, plans={state: Plan(queue="files", steps=steps, undo=undo)})


def timer(name: str = "ring", verb: str = "begin_baking", *states: str) -> Table:
    return replace(TOY, timers={name: Timer(verb, DAY, states or ("initialized",))})


def swapped(*rows: Row) -> Table:
    return replace(TOY, rows=rows)


BEGIN, LAST = TOY.rows[0], TOY.rows[-1]
WRONG: dict[str, tuple[Table, str]] = {
    # states
    "kind": (replace(TOY, kind="Toy-1"), "Toy-1: a kind is a word in lower case"),
    "first state": (
        replace(TOY, states=TOY.states[1:]),
        "toy: its first state is uninitialized, not initialized",
    ),
    "state twice": (replace(TOY, states=(*TOY.states, "baking")), "toy: each state stands once"),
    "deleted": (
        replace(TOY, states=(*TOY.states, "deleted")),
        "toy: each state stands once, and deleted never",
    ),
    "no end": (replace(TOY, states=("uninitialized", "on")), "toy: it has no state to end in"),
    "words": (replace(TOY, says={"burnt": (1, "")}), "toy.says: burnt is no state on the way"),
    "words of an end": (replace(TOY, says={"failed": (1, "")}), "toy.says: failed is no state on the way"),
    # rows
    "cells": (swapped(replace(BEGIN, cells=BEGIN.cells[1:])), "toy.init: 7 cells for 8 states"),
    "row twice": (swapped(*TOY.rows, LAST), "toy.delete: it stands there twice"),
    "no row": (swapped(*TOY.rows[:-1]), "toy.delete: every workflow has this command"),
    "same": (put("abort", {"failed": Same("no")}), "toy.abort: it has no arguments that can be the same"),
    # arguments
    "no registry": (replace(TOY, arguments={"cake": Name}), "toy.arguments: registry_id says in whose index"),
    "registry left out": (
        replace(TOY, arguments={"registry_id": (Token, "r")}),
        "toy.arguments: registry_id says in whose index it stands, and is needed",
    ),
    "reserved": (
        replace(TOY, arguments=ARGUMENTS | {"code": int}),
        "toy.arguments: code means something else already",
    ),
    "compared": (replace(TOY, compared=("pie",)), "toy.compared: there is no argument pie"),
    # events
    "one name for two events": (
        put("commit_baking", {"baking": Fact("baking_started", "Other.").to("baking_completed")}),
        "toy.begin_baking in initialized: another event is named baking_started",
    ),
    "name of no event": (
        tells(replace(TOLD, name="rejected")),
        "toy.tell in baking: no event can be named rejected",
    ),
    "field of all": (
        tells(replace(TOLD, carries={"at": str}, gather=None)),
        "toy.tell in baking: the event has fields named at and type already",
    ),
    "code alone": (
        tells(replace(TOLD, carries={"code": int}, gather=None)),
        "toy.tell in baking: a code comes with a message",
    ),
    "gathered field": (
        tells(replace(TOLD, gather=Gather("all", "name", "weight", 3))),
        "toy.tell in baking: name and weight are fields of the event",
    ),
    "gathered name": (
        tells(replace(TOLD, gather=Gather("cake", "name", "size", 3))),
        "toy.tell in baking: cake is no name for what is gathered",
    ),
    "gathered among": (
        tells(replace(TOLD, gather=Gather("all", "name", "size", 3, among="cakes"))),
        "toy.tell in baking: all is no name for what is gathered, or cakes is not",
    ),
    "not counted": (tells(at_most=3), "toy.tell in baking: what is bounded is counted, in a field attempt"),
    # where events lead
    "no such state": (tells(state="burnt"), "toy.tell in baking: there is no state burnt to go to"),
    "back to nothing": (
        tells(state="uninitialized"),
        "toy.tell in baking: there is no state uninitialized to go to",
    ),
    "two ways": (
        put(
            "begin_baking",
            {
                "baking_failed": Fact("baking_started", "The phase baking is under way.", is_dated=True).to(
                    "initialized"
                )
            },
        ),
        "toy.begin_baking in baking_failed: baking_started leads to baking elsewhere",
    ),
    "not brought": (
        tells(replace(TOLD, carries={**TOLD.carries, "colour": str})),
        "toy.tell in baking: nobody tells colour of told",
    ),
    "code not brought": (
        tells(replace(TOLD, carries=RESULT, gather=None), state="baking_failed"),
        "toy.tell in baking: nobody tells code, message of told",
    ),
    # life
    "another begin": (
        put("abort", {"uninitialized": COMPLETED.to("failed")}),
        "toy.abort in uninitialized: init alone leads out of uninitialized",
    ),
    "begun again": (
        put("init", {"files": NOTHING, "failed": STARTED.to("initialized")}),
        "toy.init in failed: init alone",
    ),
    "arguments of another event": (
        put(
            "init",
            {
                "uninitialized": Fact("begun", "It is begun.", STARTED.carries, is_dated=True).to(
                    "initialized"
                )
            },
        ),
        "toy.init in uninitialized: init alone leads out of uninitialized, with a dated event started",
    ),
    "another end": (
        put("commit", {"baking_completed": Fact("done", "Done.").to("completed")}),
        "toy.commit in baking_completed: what ends it is a dated event completed",
    ),
    "no end after all": (
        put("abort", {"baking_failed": Record(COMPLETED, "baking_failed", {})}),
        "toy.abort in baking_failed: completed leads to failed elsewhere",
    ),
    "back": (
        put("end", {"completed": Fact("again", "Again.").to("baking")}),
        "toy.end in completed: nothing leads back from completed",
    ),
    "deleted otherwise": (
        put("delete", {"failed": Fact("gone", "Gone.").to("deleted")}),
        "toy.delete in failed: deleted leads behind all states",
    ),
    "never expires": (
        put("abort_expired", {"baking": NOTHING}),
        "toy.abort_expired in baking: it would never expire",
    ),
    "never deleted": (put("delete", {"failed": NOTHING}), "toy.delete in failed: it would never be deleted"),
    # ways
    "unreachable": (
        put("begin_baking", {"initialized": NOTHING}),
        "toy.states: nothing leads to baking",
    ),
    # plans
    "plan of no state": (plan(state="burnt"), "toy.plans.burnt: there is no such state"),
    "job below": (plan(Job("bake", below="oven")), "toy.plans.baking.bake: there is no argument oven"),
    "body": (
        plan(Say(verb="commit_baking", body={"cake": "pie"})),
        "toy.plans.baking.commit_baking: there is no argument pie",
    ),
    "participant": (
        plan(Say(kind="oven", to="oven_id", verb="heat")),
        "toy.plans.baking.heat: no argument oven_id says which oven",
    ),
    "own command": (plan(Say(verb="eat")), "toy.plans.baking.eat: it has no such command"),
    "own fields": (plan(Say(verb="abort")), "toy.plans.baking.abort: the command takes code, message"),
    "own fields too many": (
        plan(Say(verb="commit_baking", body={"cake": "cake"})),
        "toy.plans.baking.commit_baking: the command takes nothing",
    ),
    "undo is checked too": (
        plan(undo=(Say(verb="eat"),)),
        "toy.plans.baking.eat: it has no such command",
    ),
    "no undo": (
        plan(Say(verb="commit_baking", otherwise=7)),
        "toy.plans.baking.commit_baking: its refusal ends the workflow, and nothing says how",
    ),
    # timers
    "timer of all": (timer("expire"), "toy.timers.expire: it cannot be named so"),
    "timer of the engine": (timer("~purge"), "toy.timers.~purge: it cannot be named so"),
    "timer says nothing": (timer("ring", "eat"), "toy.timers.ring: there is no command eat"),
    "timer lacks fields": (
        timer("ring", "abort"),
        "toy.timers.ring: abort takes code, message, which a timer has not",
    ),
    "timer too late": (
        timer("ring", "begin_baking", "completed"),
        "toy.timers.ring: completed is no state on the way",
    ),
    "timer from no instant": (waits(TOLD), "toy.timers.ring: no dated event leads to told"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_contradiction_is_told_with_its_place(name: str) -> None:
    table, told = WRONG[name]

    with pytest.raises(ValueError) as refused:  # noqa: PT011  # what it says is compared below
        ephemeral.actor(table)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    "table",
    [TOY, tells(), timer(), waits(replace(TOLD, is_dated=True)), *TABLES],
    ids=lambda table: table.kind,
)
def test_what_is_consistent_passes(table: Table) -> None:
    check(table)


def test_every_rule_is_tested() -> None:
    broken = {rule.__name__ for table, _ in WRONG.values() for rule in RULES if _is_broken(rule, table)}

    assert broken == {rule.__name__ for rule in RULES}


def _is_broken(rule: Any, table: Table) -> bool:
    try:
        return bool(list(rule(table)))
    except (ValueError, KeyError, IndexError):
        return False  # a rule may take for granted what those before it have checked
