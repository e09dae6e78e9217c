from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from actors.actor import Rejected, Turn
from actors.booking import ledger
from actors.booking.booking import ACTOR
from actors.booking.booking_replies import TAKEN
from messages import booking_answers as answers
from messages.base import Alarm, Message
from messages.booking import (
    Abort,
    Aborted,
    BookedSlot,
    Cancel,
    Cancelled,
    Close,
    Closed,
    Confirm,
    Confirmed,
    FreeBusy,
    Held,
    Hold,
    HoldExpired,
    Interval,
    Mark,
    Marked,
    Open,
    Opened,
    Release,
    Released,
    Slot,
)
from messages.envelope import Address, derive
from messages.states import State
from tests.spec import NODE, NOON, Given, Result, given

HPC = "acme/hpc"
LAB = {"sender": "peer/lab"}
ME = Address("workflow", "forecast", "lab")
UNTIL = NOON + timedelta(days=2)
OPEN = Opened(resource="hpc", generation=1, capacity=1, availability=None)
EXPIRY = Alarm(name="expire", due=UNTIL)


def hour(after: float) -> datetime:
    return NOON + timedelta(hours=after)


def slot(execution: str, start: float, length: float = 1, units: int = 1) -> Slot:
    return Slot(execution=execution, start=hour(start), end=hour(start + length), units=units)


def hold(*slots: Slot, generation: int = 1, workflow: str = "forecast", **more: Any) -> Hold:
    usual: dict[str, Any] = {"until": UNTIL, "reply_to": ME} | more
    return Hold(workflow=workflow, generation=generation, slots=slots, **usual)


def confirm(generation: int = 1, workflow: str = "forecast", drop: tuple[str, ...] = ()) -> Confirm:
    return Confirm(workflow=workflow, generation=generation, drop=drop, reply_to=ME)


def abort(generation: int = 1, workflow: str = "forecast") -> Abort:
    return Abort(workflow=workflow, generation=generation, reply_to=ME)


def release(*executions: str, generation: int | None = None) -> Release:
    return Release(workflow="forecast", executions=executions or None, generation=generation, reply_to=ME)


def mark(execution: str, state: State) -> Mark:
    return Mark(workflow="forecast", execution=execution, state=state)


def booking_id(execution: str, generation: int = 1, holder: str = "lab/forecast") -> str:
    return derive(f"{holder}/{generation}", execution)


def booked(execution: str, start: float, generation: int = 1, units: int = 1) -> BookedSlot:
    return BookedSlot(
        booking=booking_id(execution, generation),
        execution=execution,
        start=hour(start),
        end=hour(start + 1),
        units=units,
    )


def states(book: Given) -> dict[str, str]:
    """Return the state of each slot by workflow, plan and execution."""
    shown = ACTOR.view(book.state)["slots"]
    return {f"{one['workflow']}.{one['generation']}.{one['execution']}": str(one["state"]) for one in shown}


def said(book: Given, *commands: Message, **turn: Any) -> Given:
    for command in commands:
        book = book.after(command, **(LAB | turn))
    return book


def asking(peer: str = "lab") -> Turn:
    sender = f"peer/{peer}" if peer else "operator"
    return Turn(me=Address("booking", "hpc"), node=NODE, message="", at=NOON, sender=sender)


CLOSED = given(ACTOR)
EMPTY = given(ACTOR, OPEN)
PRIVATE = given(ACTOR, replace(OPEN, public=False))
HELD = said(EMPTY, hold(slot("e1", 1), slot("e2", 3)))
BOOKED = said(HELD, confirm())
BOTH = said(BOOKED, hold(slot("e1", 1), slot("e3", 5), generation=2))
REPLACED = said(BOTH, confirm(2))
RUNNING = said(BOOKED, mark("e1", State.STARTED))


def test_an_opened_book_takes_slots() -> None:
    result = EMPTY.when(hold(slot("e1", 1)), **LAB)

    result.then(
        Held(
            node="lab",
            workflow="forecast",
            generation=1,
            slots=(booked("e1", 1),),
            until=UNTIL,
            reply_to=ME,
            forget_before=NOON - timedelta(days=1),
        )
    ).ordering(answers.Held(resource=HPC, generation=1))
    assert ACTOR.alarms(result.state) == {"expire": UNTIL}


def test_confirmed_slots_are_scheduled() -> None:
    result = HELD.when(confirm(drop=("e2",)), **LAB)

    result.then(
        Confirmed(node="lab", workflow="forecast", generation=1, dropped=("e2",), reply_to=ME)
    ).ordering(answers.Confirmed(resource=HPC, generation=1))
    assert states(Given(ACTOR, result.state, "hpc")) == {"forecast.1.e1": "scheduled"}


def test_a_slot_that_is_taken_is_refused_with_the_conflict_and_the_nearest_free_times() -> None:
    result = BOOKED.when(hold(slot("x1", 1.5), slot("x2", 10), workflow="other"), **LAB)

    refusal = result.then_rejected("booking_refused").refusal
    assert isinstance(refusal, Rejected)
    (conflict,), nearest = refusal.extra["conflicts"], refusal.extra["nearest"]
    assert (conflict.execution, conflict.busy_start, conflict.busy_end) == ("x1", hour(1.5), hour(2))
    assert nearest == (Interval(start=hour(0), end=hour(1)), Interval(start=hour(2), end=hour(3)))
    result.ordering(
        answers.HoldRefused(
            resource=HPC,
            generation=1,
            code="booking_refused",
            detail=refusal.detail,
            conflicts=(conflict,),
            nearest=nearest,
        )
    )


def test_only_the_slots_that_conflict_are_skipped_when_asked_so() -> None:
    command = hold(slot("x1", 1.5), slot("x2", 10), workflow="other", on_conflict="skip")

    result = BOOKED.when(command, **LAB)

    result.ordering(answers.Held(resource=HPC, generation=1, skipped=("x1",)))
    assert "other.1.x2" in states(Given(ACTOR, result.state, "hpc"))
    Given(ACTOR, result.state, "hpc").when(command, **LAB).then_nothing()


def test_nothing_is_held_when_all_slots_conflict() -> None:
    command = hold(slot("x1", 1.5), workflow="other", on_conflict="skip")

    BOOKED.when(command, **LAB).then_rejected("booking_refused")


@pytest.mark.parametrize(
    ("units", "code"), [(1, None), (2, None), (3, "booking_refused"), (9, "booking_refused")]
)
def test_workflows_share_the_capacity(units: int, code: str | None) -> None:
    shared = said(
        given(ACTOR, Opened(resource="hpc", generation=1, capacity=3, availability=None)), hold(slot("a", 1))
    )

    result = shared.when(hold(slot("b", 1.5, units=units), workflow="other"), **LAB)

    result.then_rejected(code) if code else result.then(*result.events)


def test_nothing_is_held_outside_of_the_windows() -> None:
    windows = (Interval(start=hour(0), end=hour(4)), Interval(start=hour(4), end=hour(8)))
    book = given(ACTOR, Opened(resource="hpc", generation=1, capacity=1, availability=windows))

    result = book.when(hold(slot("e1", 7.5)), **LAB).then_rejected("booking_refused")

    assert result.refusal
    assert result.refusal.extra["conflicts"][0].busy_start == hour(8)
    assert result.refusal.extra["nearest"] == (Interval(start=hour(7), end=hour(8)),)
    assert book.when(hold(slot("e1", 3.5)), **LAB).events


def test_a_new_plan_is_held_beside_the_old_one_and_replaces_it() -> None:
    assert states(BOTH) == {
        "forecast.1.e1": "scheduled",
        "forecast.1.e2": "scheduled",
        "forecast.2.e1": "draft",
        "forecast.2.e3": "draft",
    }
    assert states(REPLACED) == {"forecast.2.e1": "scheduled", "forecast.2.e3": "scheduled"}
    BOTH.when(hold(slot("x", 3), workflow="other"), **LAB).then_rejected("booking_refused")
    assert REPLACED.when(hold(slot("x", 3), workflow="other"), **LAB).events


def test_an_aborted_hold_leaves_what_stood() -> None:
    result = BOTH.when(abort(2), **LAB)

    result.ordering(answers.Aborted(resource=HPC, generation=2))
    assert states(Given(ACTOR, result.state, "hpc")) == states(BOOKED)


def test_an_aborted_confirmed_plan_gives_back_what_it_replaced() -> None:
    result = REPLACED.when(abort(2), **LAB)

    result.ordering(answers.Aborted(resource=HPC, generation=2, restored=True))
    assert states(Given(ACTOR, result.state, "hpc")) == states(BOOKED)


def test_what_was_taken_meanwhile_is_not_put_back() -> None:
    taken = said(REPLACED, hold(slot("x", 3), workflow="other"))

    result = taken.when(abort(2), **LAB)

    lost = answers.SlotsCancelled(resource=HPC, executions=("e2",), reason=TAKEN)
    result.ordering(answers.Aborted(resource=HPC, generation=2), lost)
    assert states(Given(ACTOR, result.state, "hpc")) == {
        "forecast.1.e1": "scheduled",
        "other.1.x": "draft",
    }


def test_a_hold_expires_and_a_late_confirmation_is_told_so() -> None:
    expired = HELD.when(EXPIRY, sender="alarm", at=UNTIL)
    expired.then(HoldExpired(node="lab", workflow="forecast", generation=1))

    late = Given(ACTOR, expired.state, "hpc").when(confirm(), **LAB).then_rejected("expired")

    late.ordering(answers.Expired(resource=HPC, generation=1))
    assert ACTOR.alarms(expired.state) == {}


def test_a_confirmation_at_the_very_end_of_the_hold_is_late_though_no_alarm_has_come() -> None:
    HELD.when(confirm(), at=UNTIL, **LAB).then_rejected("expired")

    assert HELD.when(confirm(), at=UNTIL - timedelta(microseconds=1), **LAB).events


def test_what_expired_can_be_held_again() -> None:
    again = hold(slot("e1", 1), until=UNTIL + timedelta(days=1))

    assert said(HELD, EXPIRY, at=UNTIL).when(again, **LAB).events


@pytest.mark.parametrize(
    "book",
    [
        said(HELD, hold(slot("e1", 1), generation=2)),
        REPLACED,
        said(BOOKED, abort()),
        said(BOOKED, release()),
        said(HELD, release()),
    ],
)
def test_a_late_repeat_of_an_earlier_plan_is_harmless(book: Given) -> None:
    result = book.when(hold(slot("e9", 9)), **LAB)

    result.then_rejected("superseded")


def test_what_is_said_of_a_plan_never_held_is_expired_or_nothing() -> None:
    EMPTY.when(confirm(), **LAB).then_rejected("expired")
    EMPTY.when(abort(), **LAB).then_nothing()
    EMPTY.when(release(), **LAB).then_nothing()
    EMPTY.when(mark("e1", State.STARTED), **LAB).then_nothing()


NOT_OPEN = [said(BOOKED, Close(generation=2), sender="actor"), CLOSED]


@pytest.mark.parametrize("book", NOT_OPEN)
def test_a_book_that_is_not_open_takes_nothing(book: Given) -> None:
    book.when(hold(slot("e5", 1), generation=5), **LAB).then_rejected("not_found")
    book.when(confirm(1), **LAB).then_rejected("expired")
    book.when(Cancel(booking=booking_id("e1"), reason="x")).then_rejected("not_found")
    for command in (abort(1), release(), mark("e1", State.CANCELLED), Close(generation=9)):
        book.when(command).then_nothing()


@pytest.mark.parametrize(
    ("command", "left"),
    [
        (release(), {"forecast.1.e1": "started"}),
        (release("e1"), {"forecast.1.e2": "scheduled"}),
        (release("e1", "e2"), {}),
        (release(generation=7), {"forecast.1.e1": "started"}),
        (mark("e1", State.SUCCESS), {"forecast.1.e1": "success", "forecast.1.e2": "scheduled"}),
        (mark("e1", State.FAILURE), {"forecast.1.e1": "failure", "forecast.1.e2": "scheduled"}),
        (mark("e1", State.CANCELLED), {"forecast.1.e2": "scheduled"}),
        (mark("e2", State.FORGOTTEN), {"forecast.1.e1": "started"}),
        (mark("e2", State.STARTED), {"forecast.1.e1": "started", "forecast.1.e2": "started"}),
        (abort(1), {"forecast.1.e1": "started"}),
    ],
)
def test_what_has_started_stays_unless_it_is_named(command: Message, left: dict[str, str]) -> None:
    assert states(said(RUNNING, command)) == left


def test_a_release_of_earlier_plans_leaves_the_later_one() -> None:
    assert states(said(BOTH, release(generation=1))) == {"forecast.2.e1": "draft", "forecast.2.e3": "draft"}


def test_what_ended_is_free_for_others() -> None:
    ended = said(RUNNING, mark("e1", State.SUCCESS))

    assert ended.when(hold(slot("x", 1), workflow="other"), **LAB).events
    ended.when(mark("e1", State.STARTED), **LAB).then_nothing()


def test_a_running_execution_goes_on_under_the_next_plan() -> None:
    replaced = said(BOTH, mark("e1", State.STARTED), confirm(2))

    assert states(replaced) == {"forecast.2.e1": "started", "forecast.2.e3": "scheduled"}


def test_what_has_started_is_not_replaced_by_another_execution() -> None:
    RUNNING.when(hold(slot("e7", 1.5), generation=2), **LAB).then_rejected("booking_refused")


def test_a_slot_beside_one_that_started_after_the_hold_is_lost() -> None:
    started = said(BOOKED, hold(slot("e7", 1.5), slot("e8", 8), generation=2), mark("e1", State.STARTED))

    result = started.when(confirm(2), **LAB)

    lost = answers.SlotsCancelled(resource=HPC, executions=("e7",), reason=TAKEN, generation=2)
    result.ordering(answers.Confirmed(resource=HPC, generation=2), lost)
    assert states(Given(ACTOR, result.state, "hpc")) == {
        "forecast.1.e1": "started",
        "forecast.2.e8": "scheduled",
    }


def test_the_owner_cancels_a_slot_and_tells_who_had_it() -> None:
    result = BOOKED.when(Cancel(booking=booking_id("e1"), reason="maintenance"), sender="operator")

    result.then(
        Cancelled(
            node="lab",
            workflow="forecast",
            booking=booking_id("e1"),
            execution="e1",
            reason="maintenance",
            generation=1,
        )
    ).ordering(answers.SlotsCancelled(resource=HPC, executions=("e1",), reason="maintenance", generation=1))


def test_closing_cancels_all_slots_and_tells_who_had_them() -> None:
    deleted = "the resource was deleted"

    result = BOTH.when(Close(generation=2))

    result.then(Closed(generation=2, reason=deleted)).ordering(
        answers.SlotsCancelled(resource=HPC, executions=("e1", "e2"), reason=deleted, generation=1),
        answers.SlotsCancelled(resource=HPC, executions=("e1", "e3"), reason=deleted, generation=2),
    )
    assert ACTOR.view(result.state)["slots"] == []


def test_a_book_that_is_opened_again_is_empty() -> None:
    again = said(BOTH, Close(generation=2), Open(generation=3, capacity=4, public=True), sender="actor")

    assert states(again) == {}
    assert again.when(hold(slot("e1", 1), generation=3), **LAB).events
    again.when(hold(slot("e1", 1), generation=1), **LAB).then_rejected("superseded")


def test_less_capacity_leaves_what_is_booked_and_refuses_more() -> None:
    wide = given(ACTOR, Opened(resource="hpc", generation=1, capacity=2, availability=None))
    booked = said(wide, hold(slot("e1", 1, units=2)), confirm())

    narrow = booked.after(Open(generation=2, capacity=1, public=True))

    assert states(narrow) == {"forecast.1.e1": "scheduled"}
    narrow.when(hold(slot("x", 1), workflow="other"), **LAB).then_rejected("booking_refused")


@pytest.mark.parametrize(
    "command", [Open(generation=9, capacity=1), Close(generation=9), Cancel(booking="b", reason="")]
)
def test_a_peer_neither_opens_nor_closes_nor_cancels(command: Message) -> None:
    BOOKED.when(command, **LAB).then_rejected("not_owner")


@pytest.mark.parametrize("sender", ["peer/observatory", "actor", "operator"])
def test_nobody_touches_the_slots_of_another_node(sender: str) -> None:
    for command in (abort(2), release(), release("e1"), mark("e1", State.CANCELLED)):
        BOTH.when(command, sender=sender).then_nothing()
    BOTH.when(confirm(2), sender=sender).then_rejected("expired")


@pytest.mark.parametrize(("sender", "node"), [("peer/lab", "lab"), ("actor", "")])
def test_the_answer_goes_to_the_node_that_asked_whatever_the_message_says(sender: str, node: str) -> None:
    command = hold(slot("e1", 1), reply_to=Address("workflow", "forecast", "elsewhere"))

    result = EMPTY.when(command, sender=sender)

    assert [order.to for order in result.orders] == [Address("workflow", "forecast", node)]


def test_nobody_is_told_when_no_address_is_given() -> None:
    assert EMPTY.when(hold(slot("e1", 1), reply_to=None), **LAB).orders == []
    assert BOOKED.when(hold(slot("x", 1), workflow="x", reply_to=None), **LAB).orders == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (hold(slot("e1", 1, length=0)), "invalid_slot"),
        (hold(slot("e1", 1, length=-1)), "invalid_slot"),
        (hold(slot("e1", 1, length=24 * 367)), "invalid_slot"),
        (hold(slot("e1", 1), slot("e1", 2)), "invalid_slot"),
        (hold(slot("e1", 1), until=NOON), "expired"),
        (mark("e1", State.DELAYED), "invalid_state"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Message, code: str) -> None:
    EMPTY.when(command, **LAB).then_rejected(code)


@pytest.mark.parametrize(
    ("book", "command", "event"),
    [
        (EMPTY, Open(generation=2, capacity=2), Opened),
        (BOTH, Close(generation=2), Closed),
        (EMPTY, hold(slot("e1", 1)), Held),
        (BOOKED, hold(slot("e1", 1), generation=2), Held),
        (HELD, confirm(), Confirmed),
        (HELD, abort(), Aborted),
        (BOOKED, abort(), Aborted),
        (REPLACED, abort(2), Aborted),
        (BOTH, release(), Released),
        (BOTH, release("e1"), Released),
        (BOOKED, mark("e1", State.STARTED), Marked),
        (BOOKED, mark("e1", State.CANCELLED), Marked),
        (BOTH, mark("e3", State.CANCELLED), Marked),
        (RUNNING, mark("e1", State.SUCCESS), Marked),
        (HELD, EXPIRY, HoldExpired),
    ],
)
def test_saying_it_again_changes_nothing(book: Given, command: Message, event: type[Message]) -> None:
    turn = {} if isinstance(command, Open | Close | Alarm) else LAB

    first = book.when(command, **turn)

    assert [type(one) for one in first.events] == [event]
    Given(ACTOR, first.state, "hpc").when(command, **turn).then_nothing()


def test_cancelling_again_changes_nothing() -> None:
    cancel = Cancel(booking=booking_id("e1"), reason="maintenance")

    BOOKED.after(cancel).when(cancel).then_rejected("not_found")


def test_what_is_past_leaves_the_book_at_a_later_hold() -> None:
    later = NOON + timedelta(days=5)

    after = said(BOOKED, hold(slot("x", 200), workflow="other", until=later + timedelta(days=1)), at=later)

    assert states(after) == {"other.1.x": "draft"}
    assert after.state.slots == 1


def test_a_hold_ends_after_a_month_at_most() -> None:
    result = EMPTY.when(hold(slot("e1", 1), until=NOON + timedelta(days=4000)), **LAB)

    assert ACTOR.alarms(result.state) == {"expire": NOON + ledger.HOLD_LONGEST}
    Given(ACTOR, result.state, "hpc").when(
        hold(slot("e1", 1), until=NOON + timedelta(days=5000)), **LAB
    ).then_nothing()


def test_a_peer_has_slots_for_so_many_workflows_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "WORKFLOWS_MAX", 2)
    full = said(BOOKED, hold(slot("x", 6), workflow="second"))
    third = hold(slot("y", 8), workflow="third")

    full.when(third, **LAB).then_rejected("too_many")

    assert full.when(hold(slot("e1", 1), generation=2), **LAB).refusal is None
    assert full.when(third, sender="peer/centre").refusal is None
    assert full.when(third, sender="actor").refusal is None
    assert said(full, release()).when(third, **LAB).refusal is None


def test_who_has_had_nothing_for_days_is_remembered_no_longer() -> None:
    left = said(BOOKED, release())
    seen = []
    for days in (0, 2, 4):
        at = NOON + timedelta(days)
        other = hold(slot("x", 200 + days), workflow=f"other-{days}", until=at + timedelta(days=9))
        left = said(left, other, at=at)
        seen.append("lab/forecast" in left.state.requesters)

    assert seen == [True, True, False]
    assert len(left.state.requesters) == 3


def test_of_many_who_have_nothing_none_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "WORKFLOWS_MAX", 2)
    book = said(EMPTY, hold(slot("x", 6), workflow="kept"))

    for number in range(6):
        name = f"wf-{number}"
        book = said(book, hold(slot("e1", 1), workflow=name), abort(workflow=name))

    assert "lab/kept" in book.state.requesters
    assert len(book.state.requesters) == 2


def test_the_listing_shows_how_full_it_is() -> None:
    summary = ACTOR.summary(BOTH.state)

    assert summary is not None
    assert (summary.status, summary.fields) == ("open", {"capacity": 1, "slots": 4})
    assert ACTOR.summary(CLOSED.state) is None
    assert ACTOR.view(CLOSED.state) is None


def test_anyone_allowed_may_ask_what_is_free() -> None:
    question = ACTOR.questions["freebusy"]

    told = question.answer(BOTH.state, FreeBusy(from_=hour(0), to=hour(5)), asking())

    assert question.peers_may_ask
    assert [(one["start"], one["end"], one["units"]) for one in told["busy"]] == [
        (hour(1), hour(2), 1),
        (hour(3), hour(4), 1),
    ]
    assert [(one["start"], one["end"]) for one in told["free"]] == [
        (hour(0), hour(1)),
        (hour(2), hour(3)),
        (hour(4), hour(5)),
    ]


def test_the_slots_of_a_workflow_of_the_asker_can_be_left_out_but_for_what_runs() -> None:
    other = said(RUNNING, hold(slot("x", 6), workflow="other"), sender="peer/centre")
    asked = FreeBusy(from_=hour(0), to=hour(8), without=("forecast", "other"))

    assert busy(other, asked, "lab") == [hour(1), hour(6)]
    assert busy(other, asked, "centre") == [hour(1), hour(3)]
    assert busy(other, asked, "") == [hour(1), hour(3), hour(6)]


def busy(book: Given, asked: FreeBusy, peer: str) -> list[datetime]:
    told = ACTOR.questions["freebusy"].answer(book.state, asked, asking(peer))
    assert told["capacity"] == 1
    return [one["start"] for one in told["busy"]]


@pytest.mark.parametrize("peer", ["", "lab"])
def test_what_is_not_public_is_booked_and_asked_about_at_home_alone(peer: str) -> None:
    sender = f"peer/{peer}" if peer else "actor"
    question, asked = ACTOR.questions["freebusy"], FreeBusy(from_=hour(0), to=hour(5))

    result = PRIVATE.when(hold(slot("e1", 1)), sender=sender)

    if peer:
        unknown = CLOSED.when(hold(slot("e1", 1)), sender=sender).then_rejected("not_found")
        assert result.then_rejected("not_found").orders == unknown.orders
        assert refusal_of(result) == refusal_of(unknown)
        assert no_answer(PRIVATE, asked, peer) == no_answer(CLOSED, asked, peer)
    else:
        assert len(result.events) == 1
        assert question.answer(PRIVATE.state, asked, asking(""))["busy"] == []


def test_what_is_public_no_longer_takes_no_new_slots_of_peers_and_keeps_those_it_has() -> None:
    private = BOTH.after(Open(generation=2, capacity=1, public=False))

    private.when(hold(slot("e4", 9), generation=3), **LAB).then_rejected("not_found")

    assert states(private.after(confirm(2), **LAB)) == states(REPLACED)
    assert states(private.after(abort(2), **LAB)) == states(BOOKED)


def refusal_of(result: Result) -> tuple[str, str]:
    assert result.refusal is not None
    return (result.refusal.code, result.refusal.detail)


def no_answer(book: Given, asked: FreeBusy, peer: str) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        ACTOR.questions["freebusy"].answer(book.state, asked, asking(peer))
    return (caught.value.code, caught.value.detail)


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_question_about_no_time_or_too_long_a_time_is_refused(days: int) -> None:
    question = ACTOR.questions["freebusy"]

    with pytest.raises(Rejected, match="invalid_question"):
        question.answer(BOTH.state, FreeBusy(from_=NOON, to=NOON + timedelta(days)), asking())
