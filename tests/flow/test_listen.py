"""Listening: which events a task takes, and when it has heard enough."""

from typing import Any

import pytest

from messages.run import Deliver
from messages.task_events import Heard, Unheard
from tests.flow.driver import Play, start

HOT = "{with: {type: temperature, data: '${ .value > 38 }'}}"
BEAT = "{with: {type: bpm, data: '${ .value < 60 or .value > 100 }'}}"


def event(type_: str, data: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "https://a.test/x",
        "type": type_,
        "data": data,
        **more,
    }


async def heard(to: str, *events: dict[str, Any], read: str = "", given: Any = None) -> Play:
    """Play a run that listens, and have it hear events one after the other."""
    found = start(f"- hear: {{listen: {{to: {to}{read}}}}}", given)
    await found.settle()
    for one in events:
        if not found.state.is_over:
            found.say(Deliver(event=one))
            await found.settle()
    return found


async def test_one_event_is_enough_and_the_output_is_a_list() -> None:
    found = await heard("{one: {with: {type: started}}}", event("other", 1), event("started", 2))

    assert found.output == [2]
    assert len(found.of(Heard)) == 1


@pytest.mark.parametrize("read", ["", ", read: data", ", read: raw"])
async def test_data_are_read(read: str) -> None:
    assert (await heard("{one: {with: {type: a}}}", event("a", {"x": 1}), read=read)).output == [{"x": 1}]


async def test_an_envelope_is_the_whole_event() -> None:
    one = event("a", {"x": 1}, subject="s")

    assert (await heard("{one: {with: {type: a}}}", one, read=", read: envelope")).output == [one]


async def test_data_that_are_no_json_are_read_as_they_came() -> None:
    one = {key: value for key, value in event("a").items() if key != "data"} | {"data_base64": "aGk="}

    assert (await heard("{one: {with: {type: a}}}", one, read=", read: raw")).output == ["aGk="]


@pytest.mark.parametrize(
    ("with_", "is_taken"),
    [
        ("{type: bpm}", True),
        ("{type: b}", False),
        ("{source: https://a.test/x, type: bpm}", True),
        ("{source: https://a.test/y, type: bpm}", False),
        ("{source: '${ .from }'}", True),
        ("{type: 'b[p]m|other'}", True),
        ("{type: 'b[p]'}", False),
        ("{data: '${ .value > 3 }'}", True),
        ("{data: '${ .value > 5 }'}", False),
        ("{data: {value: 5}}", True),
        ("{data: {value: '${ .n }'}}", True),
        ("{data: {value: 4}}", False),
        ("{ward: '7'}", True),
        ("{ward: '8'}", False),
        ("{subject: a}", False),
    ],
)
async def test_a_filter_names_what_an_event_must_have(with_: str, is_taken: bool) -> None:
    one = event("bpm", {"value": 5}, ward="7")
    found = await heard(f"{{one: {{with: {with_}}}}}", one, given={"from": "https://a.test/x", "n": 5})

    assert found.state.status == ("success" if is_taken else "running")


async def test_all_waits_for_one_event_of_each_filter() -> None:
    events = [
        event("bpm", {"value": 70}),
        event("temperature", {"value": 39}),
        event("temperature", {"value": 40}),
    ]
    found = await heard(f"{{all: [{HOT}, {BEAT}]}}", *events, event("bpm", {"value": 120}))

    assert found.output == [{"value": 39}, {"value": 120}]
    assert len(found.of(Unheard)) == 2


async def test_any_is_content_with_the_first_event_of_any_filter() -> None:
    found = await heard(f"{{any: [{HOT}, {BEAT}]}}", event("bpm", {"value": 70}), event("bpm", {"value": 50}))

    assert found.output == [{"value": 50}]


async def test_any_of_nothing_takes_every_event() -> None:
    assert (await heard("{any: []}", event("whatever", 1))).output == [1]


async def test_any_gathers_until_a_condition_on_what_was_gathered_holds() -> None:
    found = await heard("{any: [], until: ( . | length ) > 2}", *(event("a", n) for n in range(5)))

    assert found.output == [0, 1, 2]


async def test_any_gathers_until_an_event_that_is_not_part_of_it() -> None:
    to = f"{{any: [{HOT}, {BEAT}], until: {{one: {{with: {{type: checked-out}}}}}}}}"
    found = await heard(
        to, event("temperature", {"value": 39}), event("bpm", {"value": 1}), event("checked-out")
    )

    assert found.output == [{"value": 39}, {"value": 1}]


async def test_what_ends_it_may_come_first() -> None:
    assert (await heard("{any: [], until: {one: {with: {type: stop}}}}", event("stop"))).output == []


async def test_events_that_come_while_one_is_looked_at_are_kept_in_their_order() -> None:
    found = start(f"- hear: {{listen: {{to: {{any: [{HOT}], until: 'length == 2'}}}}}}")
    await found.settle()
    for value in (20, 39, 30, 40, 41):
        found.say(Deliver(event=event("temperature", {"value": value})))
    await found.settle()

    assert found.output == [{"value": 39}, {"value": 40}]


async def test_an_event_that_none_listens_for_changes_nothing() -> None:
    found = start("- hear: {listen: {to: {one: {with: {type: a}}}}}")

    assert found.say(Deliver(event=event("b"))) == []


async def test_all_branches_that_listen_hear_an_event() -> None:
    found = start("""
        - both:
            fork:
              branches:
                - a: {listen: {to: {one: {with: {type: x}}}}}
                - b: {listen: {to: {any: []}}}
    """)
    found.say(Deliver(event=event("x", 1)))

    assert found.output == [[1], [1]]


async def test_a_task_that_hears_nothing_in_time_fails() -> None:
    found = start("- hear: {listen: {to: {one: {with: {type: a}}}}, timeout: {after: PT5S}}")
    await found.go_on()

    assert (found.word, found.seconds) == ("timeout", 5.0)


async def test_a_broken_filter_is_an_expression_error() -> None:
    found = await heard("{one: {with: {type: a, data: '${ error }'}}}", event("a", 1))

    assert found.word == "expression"
