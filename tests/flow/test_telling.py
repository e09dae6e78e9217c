"""Events that say one thing are told as one; what was told in two once reads the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from actors.flow.actor import ACTOR
from actors.flow.state import State
from actors.flow.telling import told
from cli.story import Story
from messages.base import tag
from tests.flow.driver import Play, begin, start
from tests.flow.made import definitions, world
from tests.flow.test_properties import EXAMPLES, GIVEN, through_json

THREE = """
    - first: {set: {number: "${ .number }"}}
    - second: {set: {number: "${ .number }"}}
    - third: {set: {number: "${ .number }"}}
"""
AT = datetime(2026, 11, 28, tzinfo=UTC)


def in_two(definition: dict[str, Any]) -> Play:
    """Play a run as it was told before: each step of its tasks by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("actors.flow.decide.told", list)
        found = begin(definition, GIVEN, world)
        asyncio.run(found.dry.go_on())
    return found


def in_one(definition: dict[str, Any]) -> Play:
    found = begin(definition, GIVEN, world)
    asyncio.run(found.dry.go_on())
    return found


def story(found: Play) -> list[Any]:
    rows = [
        {"at": AT, "type": tag(event), "body": msgspec.json.decode(msgspec.json.encode(event))}
        for event in found.dry.events
    ]
    return Story().hear(rows).actions


async def test_three_plain_tasks_have_ten_events() -> None:
    found = await start(THREE, {"number": 1}).go_on()

    assert Counter(tag(event) for event in found.dry.events) == {
        "run.begun": 1,
        "run.entered": 1,  # the list
        "run.task_started": 4,
        "run.task_ended": 3,
        "run.succeeded": 1,
    }


async def test_what_somebody_has_said_stays_an_event_of_its_own() -> None:
    call = '- a: {call: http, with: {method: get, endpoint: "http://up/"}}'

    found = await start(call, {}, {"a": {"ok": True}}).go_on()

    assert [tag(event) for event in found.dry.events][-4:] == [
        "run.called",
        "run.returned",
        "run.task_ended",
        "run.succeeded",
    ]


@pytest.mark.parametrize(
    ("given", "raw"), [(1, msgspec.UNSET), (1.0, 1.0), (True, True)], ids=["same", "1.0", "true"]
)
def test_what_came_in_is_kept_where_it_is_another_value_than_the_input(given: Any, raw: Any) -> None:
    found = in_two({"do": [{"a": {"input": {"from": "${ 1 }"}, "set": {"x": 1}}}]})
    entered = next(event for event in found.dry.events if getattr(event, "pointer", "") == "/do/0/a")
    started = next(event for event in found.dry.events if getattr(event, "input", None) == 1)

    (one,) = told([msgspec.structs.replace(entered, raw=given), started])

    assert one.raw == raw
    assert type(one.raw) is type(raw)


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions())
def test_a_run_told_in_two_events_is_the_same_run(definition: dict[str, Any]) -> None:
    old, new = in_two(definition), in_one(definition)

    assert len(old.dry.events) >= len(new.dry.events)
    assert ACTOR.replay(through_json(old.dry.events)) == new.state
    assert reduce(ACTOR.evolve, told(through_json(old.dry.events)), State()) == new.state
    assert story(old) == story(new)
