"""A run that is given up takes the runs along that it waits for, whichever word comes first."""

from datetime import UTC, datetime

import pytest

from actors.actor import Order, Rejected, Turn
from actors.flow.actor import ACTOR
from actors.flow.reacting import child
from actors.flow.state import State
from messages.envelope import ACTOR as INTERNAL
from messages.envelope import Address
from messages.run import Begin, Cancel, Faulted
from messages.run_events import Cancelled, Cancelling
from tests.flow.driver import start, workflow

BELOW = "- below: {run: {workflow: {namespace: a, name: child, version: '1.0.0'}}}"
AT = datetime(2026, 1, 1, tzinfo=UTC)
TURN = Turn(me=Address("run", "r"), node="lab", message="m", at=AT, sender=INTERNAL)


def test_a_run_that_is_cancelled_has_its_child_cancelled_and_waits_for_it() -> None:
    found = start(BELOW)
    (frame,) = (one.id for one in found.state.frames.values() if one.is_calling)

    (cancelling,) = found.say(Cancel())

    assert isinstance(cancelling, Cancelling)
    (order,) = ACTOR.react(found.state, cancelling, TURN)
    assert isinstance(order, Order)
    assert (order.to, type(order.command)) == (Address("run", child("r", frame)), Cancel)
    assert not found.state.is_over


def test_a_child_that_is_cancelled_before_it_begins_never_does_and_its_parent_is_told() -> None:
    (cancelled,) = ACTOR.decide(State(), Cancel(reason="given up above"), TURN)
    state = ACTOR.evolve(State(), cancelled)
    begin = Begin(workflow="child", definition=workflow("- one: {set: {a: 1}}"), parent="above.3.1")

    with pytest.raises(Rejected, match="before it began") as no:
        ACTOR.decide(state, begin, TURN)

    assert isinstance(cancelled, Cancelled)
    assert ACTOR.decide(state, Cancel(), TURN) == []
    (told,) = ACTOR.answer(begin, no.value, TURN)
    assert isinstance(told, Order)
    assert (told.to, type(told.command)) == (Address("run", "above"), Faulted)


def test_nobody_else_cancels_a_run_that_there_is_not() -> None:
    with pytest.raises(Rejected, match="there is no run"):
        ACTOR.decide(State(), Cancel(), Turn(me=TURN.me, node="lab", message="m", at=AT, sender="operator"))
