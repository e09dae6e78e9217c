"""Who is let in by the book of a compute: a job in a slot of its node that is now, and no other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.booking import booking
from actors.jobs.job_effects import there
from messages.booking import Admit, Close, Confirm, Hold, Mark, Open, Release, Slot
from messages.job_run import Denied, SlotEnded, Take, Work
from messages.states import State
from tests.actors.entity import AT, Entity

WORK = Work(executable="tool-1", tag="tool - 1")
HOUR = timedelta(hours=1)
PLACE = f"job_run.{there('centre', 'r-1')}"


def book(*, at: float = 1.5, state: str = "confirmed") -> Entity:
    """Return a book in which ``centre`` has a slot from one to two, at some hour of the day."""
    found = Entity(booking.ACTOR, "hpc")
    found.say(Open(generation=1, capacity=2, public=True))
    slots = (Slot(execution="e", start=AT + HOUR, end=AT + 2 * HOUR),)
    found.by_peer("centre", Hold(workflow="w", generation=1, slots=slots, until=AT + 48 * HOUR))
    if state == "confirmed":
        found.by_peer("centre", Confirm(workflow="w", generation=1))
    found.at = AT + at * HOUR
    return found


def admit(**more: Any) -> Admit:
    return Admit(run="r-1", work=WORK, **more)


@pytest.mark.parametrize("execution", ["", "e"])
def test_a_job_is_let_in_while_the_slot_of_its_node_lasts(execution: str) -> None:
    said = book().by_peer("centre", admit(execution=execution))

    ((to, take),) = said.orders(Take)
    assert said.names == ["admitted"]
    assert (to, take.node, take.run, take.execution) == (PLACE, "centre", "r-1", "e")
    assert take.until == AT + 2 * HOUR


@pytest.mark.parametrize("at", [0.9, 2.0, 30])
def test_outside_of_its_slot_it_is_not(at: float) -> None:
    found = book(at=at)

    found.refuses(admit(), "outside_slot", "peer/centre")

    ((to, denied),) = found.answered.orders(Denied)
    assert (to, denied.code) == ("centre/job_run.r-1", "outside_slot")


@pytest.mark.parametrize(
    ("code", "peer", "execution"),
    [
        ("not_owner", "observatory", "e"),
        ("no_booking", "observatory", ""),
        ("no_booking", "centre", "another"),
    ],
)
def test_without_a_booking_of_its_own_it_is_not(code: str, peer: str, execution: str) -> None:
    book().refuses(admit(execution=execution), code, f"peer/{peer}")


def test_what_is_held_is_not_booked() -> None:
    book(state="held").refuses(admit(), "no_booking", "peer/centre")


@pytest.mark.parametrize("state", [State.SUCCESS, State.FAILURE])
def test_what_has_ended_lets_nobody_in(state: State) -> None:
    found = book()
    found.by_peer("centre", Mark(workflow="w", execution="e", state=state))

    found.refuses(admit(), "outside_slot", "peer/centre")


def test_a_compute_that_is_closed_is_unknown() -> None:
    found = book()
    found.say(Close(generation=2))

    found.refuses(admit(), "unknown_compute", "peer/centre")


@pytest.mark.parametrize("how", ["marked", "released", "closed"])
def test_who_was_let_in_is_ended_with_the_slot(how: str) -> None:
    found = book()
    found.by_peer("centre", admit())

    match how:
        case "marked":
            said = found.by_peer("centre", Mark(workflow="w", execution="e", state=State.CANCELLED))
        case "released":
            said = found.by_peer("centre", Release(workflow="w"))
        case _:
            said = found.say(Close(generation=2))

    assert said.told(SlotEnded) == [PLACE]


def test_who_starts_stays() -> None:
    found = book()
    found.by_peer("centre", admit())

    said = found.by_peer("centre", Mark(workflow="w", execution="e", state=State.STARTED))

    assert said.told(SlotEnded) == []


def test_who_was_let_in_is_forgotten_when_the_slot_is_over() -> None:
    found = book()
    found.by_peer("centre", admit())
    found.at = AT + 3 * HOUR

    said = found.say(Close(generation=2))

    assert said.told(SlotEnded) == []
