"""What ``call: book`` is given: refused when it is saved, or a problem of the task when it is computed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from actors.actor import Order, Turn
from actors.definition.check import check
from actors.flow.actor import ACTOR
from messages import reservation
from messages.envelope import ACTOR as INTERNAL
from messages.envelope import Address
from messages.problem import Problem
from messages.run import Answered, Cancel
from messages.task_events import Called
from tests.flow.driver import NEVER, start

AT = datetime(2026, 1, 1, tzinfo=UTC)
TURN = Turn(me=Address("run", "r"), node="lab", message="m", at=AT, sender=INTERNAL)
WRONG = [
    ({"duration": "PT1H"}, "", "resource is missing"),
    ({"resource": "hpc"}, "", "duration is missing"),
    ({"resource": "a/b/c", "duration": "PT1H"}, "resource", "<node>/<id>"),
    ({"resource": 5, "duration": "PT1H"}, "resource", "<node>/<id>"),
    ({"resource": "hpc", "duration": "one hour"}, "duration", "PT30S"),
    ({"resource": "hpc", "duration": "PT0S"}, "duration", "at most 366 days"),
    ({"resource": "hpc", "duration": "P2Y"}, "duration", "at most 366 days"),
    ({"resource": "hpc", "duration": "PT1H", "start": "tomorrow"}, "start", "2026-10-24T02:30:00Z"),
    ({"resource": "hpc", "duration": "PT1H", "start": "2026-10-24T02:30:00"}, "start", "its zone"),
    ({"resource": "hpc", "duration": "PT1H", "start": None}, "start", "its zone"),
    ({"resource": "hpc", "duration": "PT1H", "units": 0}, "units", "a number from 1"),
    ({"resource": "hpc", "duration": "PT1H", "units": True}, "units", "a number from 1"),
    ({"resource": "hpc", "duration": "PT1H", "unit": 2}, "unit", "a call of book has resource"),
]


def definition(given: Any) -> dict[str, Any]:
    stands = {"dsl": "1.0.3", "namespace": "tests", "name": "test", "version": "0.1.0"}
    return {"document": stands, "do": [{"slot": {"call": "book", "with": given}}]}


@pytest.mark.parametrize(("given", "field", "why"), WRONG)
def test_what_is_written_wrong_is_refused_when_it_is_saved(given: Any, field: str, why: str) -> None:
    (wrong,) = check(definition(given))

    assert wrong.at == f"/do/0/slot/with{'/' + field if field else ''}"
    assert why in wrong.detail


COMPUTED = [(given, field, why) for given, field, why in WRONG if field and field != "unit"]


@pytest.mark.parametrize(("given", "field", "why"), COMPUTED)
async def test_what_is_computed_wrong_is_a_problem_that_names_it(given: Any, field: str, why: str) -> None:
    said = "{" + ", ".join(f"{name}: '${{ .{name} }}'" for name in given) + "}"

    found = await start(f"- slot: {{call: book, with: {said}}}", given).settle()

    assert found.word == "configuration"
    assert found.problem.detail.startswith(f"{field}: ")
    assert why in found.problem.detail


BOOK = "- slot: {call: book, with: {resource: hpc, start: '2026-10-24T02:30:00+02:00', duration: PT45M}}"


def begun(text: str = BOOK) -> tuple[Any, Order]:
    found = start(text)
    (called,) = found.of(Called)
    (order,) = ACTOR.react(found.state, called, TURN)
    assert isinstance(order, Order)
    return found, order


def test_it_has_a_reservation_book_once_for_each_call() -> None:
    found, order = begun()
    begin = order.command

    assert isinstance(begin, reservation.Begin)
    assert begin.resource == "lab/hpc"
    assert (begin.start, begin.end) == (
        datetime(2026, 10, 24, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 24, 1, 15, tzinfo=UTC),
    )
    assert (begin.units, begin.reply_to) == (1, TURN.me)
    assert begun()[1].to == order.to
    frame, call = map(int, begin.reply_mark.split("."))
    found.say(Answered(frame=frame, call=call, output={"booking": "b"}))
    assert found.output == {"booking": "b"}


def test_without_a_start_it_is_from_now_on() -> None:
    found, order = begun("- slot: {call: book, with: {resource: centre/hpc, duration: {hours: 1}, units: 2}}")
    begin = order.command

    assert isinstance(begin, reservation.Begin)
    assert begin.start == found.state.begun_at
    assert (begin.end - begin.start).total_seconds() == 3600
    assert (begin.resource, begin.units) == ("centre/hpc", 2)


def test_a_run_that_is_cancelled_gives_the_reservation_up() -> None:
    found, begin = begun()

    (cancelling,) = found.say(Cancel())

    (order,) = ACTOR.react(found.state, cancelling, TURN)
    assert isinstance(order, Order)
    assert (order.to, type(order.command)) == (begin.to, reservation.Cancel)


async def test_nobody_who_answers_is_a_timeout_and_gives_it_up() -> None:
    found = await start(f"{BOOK[:-1]}, timeout: {{after: PT5S}}}}", calls=lambda _call: NEVER).go_on()

    assert found.word == "timeout"
    (failed,) = [one for one in found.dry.events if type(one).__name__ == "TaskFailed"]
    (order,) = ACTOR.react(found.state, failed, TURN)
    assert isinstance(order, Order)
    assert isinstance(order.command, reservation.Cancel)


async def test_a_refusal_is_caught_and_tried_again_as_another_reservation() -> None:
    text = """
    - both:
        try:
          - slot: {call: book, with: {resource: hpc, duration: PT1H}}
        catch:
          errors: {with: {type: booking_refused}}
          retry: {delay: {seconds: 1}, limit: {attempt: {count: 2}}}
    """
    answers = iter([Problem(type="booking_refused", status=409, title="t", detail="d"), {"booking": "b"}])

    found = await start(text, calls=lambda _call: next(answers)).go_on()

    assert found.output == {"booking": "b"}
    assert len({call.key for call in found.calls}) == 2
