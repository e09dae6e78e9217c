from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from actors.booking.booking import ACTOR
from messages.base import Message
from messages.booking import Abort, Confirm, Hold, Mark, Opened, Release, Slot
from messages.states import State
from tests.spec import NOON, Given
from tests.spec import given as given_actor

CAPACITY = 3
HOURS = 12

slots = some.lists(
    some.builds(
        lambda name, start, length, units: Slot(
            execution=name,
            start=NOON + timedelta(hours=start),
            end=NOON + timedelta(hours=min(start + length, HOURS)),
            units=units,
        ),
        some.sampled_from(["e1", "e2", "e3", "e4"]),
        some.integers(0, HOURS - 1),
        some.integers(1, 4),
        some.integers(1, CAPACITY),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda slot: slot.execution,
).map(tuple)
workflows = some.sampled_from(["a", "b", "c"])
generations = some.integers(1, 6)
conflict = some.sampled_from(["refuse", "skip"])
until = some.just(NOON + timedelta(days=1))

planning = some.one_of(
    some.builds(
        Hold, workflow=workflows, generation=generations, slots=slots, until=until, on_conflict=conflict
    ),
    some.builds(Confirm, workflow=workflows, generation=generations),
    some.builds(Abort, workflow=workflows, generation=generations),
    some.builds(Release, workflow=workflows),
)
marks = some.builds(
    Mark,
    workflow=workflows,
    execution=some.sampled_from(["e1", "e2", "e3", "e4"]),
    state=some.sampled_from([State.STARTED, State.SUCCESS, State.CANCELLED]),
)


@dataclass
class Plan:
    """What one workflow has, written down naively."""

    booked: dict[str, Slot] = field(default_factory=dict)
    generation: int = 0
    held: dict[str, Slot] | None = None
    held_generation: int = 0
    replaced: dict[str, Slot] = field(default_factory=dict)
    replaced_generation: int = 0
    latest: int = 0
    ended: int = 0


def load(plans: dict[str, Plan], at: Any, without: str = "") -> int:
    def units(have: dict[str, Slot] | None) -> int:
        return sum(one.units for one in (have or {}).values() if one.start <= at < one.end)

    return sum(max(units(plan.booked), units(plan.held)) for name, plan in plans.items() if name != without)


def fitting(plans: dict[str, Plan], name: str, wanted: tuple[Slot, ...]) -> dict[str, Slot]:
    fits: dict[str, Slot] = {}
    for slot in sorted(wanted, key=lambda slot: slot.start):
        mine = {name: Plan(booked=fits | {slot.execution: slot})}
        hours = [NOON + timedelta(hours=hour) for hour in range(HOURS)]
        if all(
            load(plans, at, name) + load(mine, at) <= CAPACITY for at in hours if slot.start <= at < slot.end
        ):
            fits[slot.execution] = slot
    return fits


def follow(plans: dict[str, Plan], command: Any) -> None:
    """Do to the plans what the command should do, if it may."""
    plan = plans[command.workflow]
    match command:
        case Hold(generation=generation):
            fits = fitting(plans, command.workflow, command.slots)
            is_late = generation in (plan.generation, *range(plan.latest), *range(plan.ended + 1))
            is_had = len(fits) == len(command.slots) or (command.on_conflict == "skip" and fits)
            if not is_late and is_had:
                plan.held, plan.held_generation, plan.latest = fits, generation, generation
        case Confirm(generation=generation):
            if plan.held is not None and plan.held_generation == generation != plan.generation:
                plan.replaced, plan.replaced_generation = plan.booked, plan.generation
                plan.booked, plan.generation, plan.held = plan.held, generation, None
        case Abort(generation=generation):
            _abort(plans, plan, generation, command.workflow)
        case Release():
            plan.booked, plan.held, plan.replaced, plan.generation = {}, None, {}, 0
            plan.ended = plan.latest


def _abort(plans: dict[str, Plan], plan: Plan, generation: int, name: str) -> None:
    is_held = plan.held is not None and plan.held_generation == generation
    if generation <= plan.ended:
        return
    if is_held:
        plan.held = None
    elif generation == plan.generation:
        plan.booked = fitting(plans, name, tuple(plan.replaced.values()))
        plan.generation = plan.replaced_generation if plan.booked else 0
        plan.replaced = {}
    elif not generation >= plan.latest > plan.ended:
        return
    plan.ended, plan.latest = generation, max(plan.latest, generation)


def shown(book: Given, is_held: bool) -> dict[str, set[tuple[str, Any, int]]]:
    found: defaultdict[str, set[tuple[str, Any, int]]] = defaultdict(set)
    for one in ACTOR.view(book.state)["slots"]:
        if (one["state"] == State.DRAFT) == is_held:
            found[one["workflow"]].add((one["execution"], one["start"], one["units"]))
    return dict(found)


def expected(plans: dict[str, Plan], is_held: bool) -> dict[str, set[tuple[str, Any, int]]]:
    have = {name: (plan.held if is_held else plan.booked) or {} for name, plan in plans.items()}
    return {
        name: {(one.execution, one.start, one.units) for one in slots.values()}
        for name, slots in have.items()
        if slots
    }


def opened() -> Given:
    return given_actor(ACTOR, Opened(resource="hpc", generation=1, capacity=CAPACITY, availability=None))


def said(book: Given, command: Message) -> Given:
    return Given(book.actor, book.when(command).state, book.id)


@settings(max_examples=150, deadline=None)
@given(some.lists(planning, max_size=40))
def test_the_book_does_what_a_naive_one_does(commands: list[Message]) -> None:
    book, plans = opened(), defaultdict[str, Plan](Plan)

    for command in commands:
        book = said(book, command)
        follow(plans, command)

        assert shown(book, is_held=True) == expected(plans, is_held=True)
        assert shown(book, is_held=False) == expected(plans, is_held=False)


@settings(max_examples=150, deadline=None)
@given(some.lists(planning | marks, max_size=40))
def test_no_sequence_of_commands_exceeds_the_capacity_and_again_changes_nothing(
    commands: list[Message],
) -> None:
    book = opened()

    for command in commands:
        book = said(book, command)
        again = book.when(command)

        assert list(again.events) == []
        assert most_taken(book) <= CAPACITY


def most_taken(book: Given) -> int:
    """Return the most units that are taken at any hour, from what is shown."""
    plans = defaultdict[str, Plan](Plan)
    for one in ACTOR.view(book.state)["slots"]:
        slot = Slot(execution=one["booking"], start=one["start"], end=one["end"], units=one["units"])
        plan = plans[one["workflow"]]
        if one["state"] == State.DRAFT:
            plan.held = (plan.held or {}) | {slot.execution: slot}
        elif one["state"] in (State.SCHEDULED, State.STARTED):
            plan.booked[slot.execution] = slot
    return max(load(plans, NOON + timedelta(hours=hour)) for hour in range(HOURS))
