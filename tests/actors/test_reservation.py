"""A reservation as a pure entity: every word in every state, whatever comes first, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.actor import ById, Order, Summary
from actors.booking import reservation
from messages import booking
from messages import reservation as said
from messages.booking import Conflict, Interval
from messages.envelope import PEER, Address
from messages.run import Answered, Faulted
from tests.actors.entity import AT, Entity

HPC = "centre/hpc"
HOUR = timedelta(hours=1)
KNOWN = {ById("peer", "centre"): Summary(status="partner")}
BEGIN = said.Begin(
    resource=HPC,
    start=AT + HOUR,
    end=AT + 2 * HOUR,
    until=AT + HOUR,
    reply_to=Address("run", "r-1"),
    reply_mark="3.1",
)
OF: dict[str, Any] = {"resource": HPC, "generation": 1}
BUSY = Conflict(
    execution="s", start=AT + HOUR, end=AT + 2 * HOUR, busy_start=AT + HOUR, busy_end=AT + 1.5 * HOUR
)
LATER = Interval(start=AT + 1.5 * HOUR, end=AT + 2.5 * HOUR)
REFUSED = said.HoldRefused(**OF, code="booking_refused", conflicts=(BUSY,), nearest=(LATER,))
WORDS = {
    "held": said.Held(**OF),
    "hold_refused": REFUSED,
    "confirmed": said.Confirmed(**OF),
    "expired": said.Expired(**OF),
    "aborted": said.Aborted(**OF),
    "slots_cancelled": said.SlotsCancelled(resource=HPC, executions=("s",), reason="repairs"),
}
PATHS: dict[str, tuple[str, ...]] = {
    "holding": (),
    "confirming": ("held",),
    "booked": ("held", "confirmed"),
    "refused": ("hold_refused",),
    "cancelled": ("cancel",),
    "lost": ("held", "confirmed", "slots_cancelled"),
}
LEADS_TO = {
    ("holding", "held"): "confirming",
    ("holding", "hold_refused"): "refused",
    ("holding", "slots_cancelled"): "refused",
    ("confirming", "confirmed"): "booked",
    ("confirming", "expired"): "refused",
    ("confirming", "slots_cancelled"): "refused",
    ("booked", "slots_cancelled"): "lost",
    ("holding", "cancel"): "cancelled",
    ("confirming", "cancel"): "cancelled",
    ("booked", "cancel"): "cancelled",
}
"""All else changes nothing."""


def say(one: Entity, word: str) -> Any:
    if word == "cancel":
        return one.say(said.Cancel(reason="enough"))
    return one.by_peer("centre", WORDS[word])


def in_state(name: str) -> Entity:
    one = Entity(reservation.ACTOR, "s", known=KNOWN)
    one.say(BEGIN)
    for word in PATHS[name]:
        say(one, word)
    assert one.view["status"] == name
    return one


@pytest.mark.parametrize("word", [*WORDS, "cancel"])
@pytest.mark.parametrize("state", PATHS)
def test_every_word_in_every_state(state: str, word: str) -> None:
    one = in_state(state)
    before = one.state

    say(one, word)

    assert one.view["status"] == LEADS_TO.get((state, word), state)
    assert ((state, word) in LEADS_TO) or one.state == before


def told(one: Entity, word: str) -> list[tuple[str, Any]]:
    return [(str(order.to), order.command) for order in say(one, word).effects if isinstance(order, Order)]


def test_it_holds_then_confirms_then_answers_once() -> None:
    one = Entity(reservation.ACTOR, "s", known=KNOWN)

    ((to, hold),) = one.say(BEGIN).orders()
    ((_, confirm),) = told(one, "held")
    ((run, answered),) = told(one, "confirmed")

    assert to == str(Address("booking", "hpc", "centre"))
    assert isinstance(hold, booking.Hold)
    assert (hold.workflow, hold.until, hold.reply_to) == (
        "s",
        BEGIN.until,
        Address("reservation", "s", "lab"),
    )
    assert [(slot.start, slot.end, slot.units) for slot in hold.slots] == [(BEGIN.start, BEGIN.end, 1)]
    assert isinstance(confirm, booking.Confirm)
    assert (confirm.workflow, confirm.generation) == ("s", hold.generation)
    assert run == str(Address("run", "r-1"))
    assert isinstance(answered, Answered)
    assert (answered.frame, answered.call) == (3, 1)
    assert answered.output == {
        "reservation": "s",
        "resource": HPC,
        "owner": "centre",
        "booking": one.view["booking"],
        "start": "2026-10-20T01:00:00.000000Z",
        "end": "2026-10-20T02:00:00.000000Z",
        "units": 1,
    }
    assert told(one, "confirmed") == []


def test_a_refusal_tells_what_is_in_the_way_and_what_is_free() -> None:
    ((_, faulted),) = told(in_state("holding"), "hold_refused")

    assert isinstance(faulted, Faulted)
    assert (faulted.problem.type, faulted.problem.status) == ("booking_refused", 409)
    assert "from 2026-10-20T01:00:00.000000Z to 2026-10-20T01:30:00.000000Z" in faulted.problem.detail
    assert "free from 2026-10-20T01:30:00.000000Z to 2026-10-20T02:30:00.000000Z" in faulted.problem.detail


@pytest.mark.parametrize("state", ["holding", "confirming"])
def test_one_that_is_given_up_on_the_way_is_aborted_and_the_run_is_told(state: str) -> None:
    (abort, faulted) = told(in_state(state), "cancel")

    assert isinstance(abort[1], booking.Abort)
    assert isinstance(faulted[1], Faulted)
    assert "given up: enough" in faulted[1].problem.detail


def test_one_that_is_booked_is_released_with_what_runs_in_it() -> None:
    ((_, release),) = told(in_state("booked"), "cancel")

    assert isinstance(release, booking.Release)
    assert (release.workflow, release.executions) == ("s", ("s",))


@pytest.mark.parametrize("word", ["held", "confirmed"])
def test_what_the_owner_says_too_late_is_let_go(word: str) -> None:
    one = in_state("cancelled")
    turn = one.turn(WORDS[word], PEER + "centre")

    (order,) = reservation.ACTOR.passes(one.state, WORDS[word], turn)

    assert isinstance(order, Order)
    assert isinstance(order.command, booking.Abort)


def test_one_that_is_given_up_before_it_comes_never_begins() -> None:
    one = Entity(reservation.ACTOR, "s", known=KNOWN)
    one.say(said.Cancel(reason="given up above"), "actor")

    one.refuses(BEGIN, "cancelled")

    assert one.answered.told(Faulted) == [str(Address("run", "r-1"))]


def test_a_compute_of_nobody_that_we_know_is_refused_and_the_run_is_told() -> None:
    one = Entity(reservation.ACTOR, "s")

    one.refuses(BEGIN, "unknown_peer")

    ((_, faulted),) = one.answered.orders()
    assert faulted.problem.type == "booking_refused"


@pytest.mark.parametrize("sender", [f"{PEER}observatory", "actor"])
@pytest.mark.parametrize("word", WORDS)
def test_only_the_owner_says_how_it_goes(word: str, sender: str) -> None:
    in_state("holding").refuses(WORDS[word], "not_owner", sender)


def test_the_same_id_books_nothing_else() -> None:
    one = in_state("booked")

    one.refuses(
        said.Begin(**{**{f: getattr(BEGIN, f) for f in BEGIN.__struct_fields__}, "units": 2}),
        "already_exists",
    )
    assert one.say(BEGIN).events == ()
