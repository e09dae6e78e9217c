"""What holds of every run, whatever it runs: replay, crashes, snapshots, and an end without remains."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from actors.actor import Folded, Turn
from actors.flow.actor import ACTOR
from actors.flow.state import State
from messages.run import Cancel, Retry, Terminate
from messages.run_events import Event
from node import dry_run
from tests.flow.driver import Play, begin
from tests.flow.made import definitions, healthy, world

EXAMPLES = 2_000 if os.environ.get("COVEY_SOAK") else 40
EVENTS_A_FRAME = 14
GIVEN = {"n": 3, "for": "PT2S"}


class Point(NamedTuple):
    """A run between two messages."""

    events: int
    work: tuple[Any, ...]
    now: Any


def played(definition: dict[str, Any]) -> tuple[Play, list[Point]]:
    """Play a run to its end; return each of its points, and what was served on the way."""
    found = begin(definition, GIVEN, world)
    points: list[Point] = []

    async def go_on() -> None:
        while found.dry.work or not found.state.is_over:
            points.append(Point(len(found.dry.events), tuple(found.dry.work), found.dry.now))
            if found.dry.work:
                await found.dry.serve()
            elif not found.dry.ring():
                break
        points.append(Point(len(found.dry.events), (), found.dry.now))

    asyncio.run(go_on())
    return found, points


def at(definition: dict[str, Any], whole: Play, point: Point) -> Play:
    """Return a run as a node finds it that was killed at a point."""
    again = begin(definition, GIVEN, world)
    again.dry.events = through_json(whole.dry.events[: point.events])
    again.dry.state = ACTOR.replay(again.dry.events)
    again.dry.work = deque(point.work)
    again.dry.now = point.now
    return again


def through_json(events: list[Event]) -> list[Event]:
    return [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in events]


def is_whole(state: State) -> bool:
    """Say whether each task stands below the one that waits for it, and all below the run itself."""
    frames = state.frames
    return all(
        (frame.parent == 0) == (frame.id == min(frames))
        and (frame.parent == 0 or frame.id in frames[frame.parent].children)
        and all(id in frames for id in frame.children)
        for frame in frames.values()
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions())
def test_the_events_lead_to_the_state_and_nothing_is_left_at_the_end(definition: dict[str, Any]) -> None:
    found, points = played(definition)

    assert found.state.is_over
    assert ACTOR.replay(through_json(found.dry.events)) == found.state
    assert found.state.frames == {}
    assert ACTOR.alarms(found.state) == {}
    assert len(found.dry.events) <= EVENTS_A_FRAME * (found.state.frames_made + found.state.rounds)
    assert all(is_whole(ACTOR.replay(found.dry.events[: point.events])) for point in points[:20])


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions())
def test_a_decision_knows_the_state_that_its_events_lead_to(definition: dict[str, Any]) -> None:
    decided: list[tuple[State, Folded[State, Event]]] = []

    def decide(state: State, command: Any, turn: Turn) -> Sequence[Event]:
        events = ACTOR.decide(state, command, turn)
        assert isinstance(events, Folded)
        decided.append((state, events))
        return events

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dry_run, "ACTOR", replace(ACTOR, decide=decide))
        played(definition)

    assert decided
    assert all(events.state == reduce(ACTOR.evolve, events, state) for state, events in decided)


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions(), st.integers(0, 10_000), st.integers(0, 3))
def test_a_crash_and_what_is_delivered_again_change_nothing(
    definition: dict[str, Any], where: int, earlier: int
) -> None:
    whole, points = played(definition)
    point = points[where % len(points)]
    again = at(definition, whole, point)
    done = [work for one in points[: where % len(points)] for work in one.work if work not in point.work]
    again.dry.work = deque([*done[-earlier:], *(work for work in point.work for _ in range(2))])

    asyncio.run(again.dry.go_on())

    assert again.dry.events == whole.dry.events
    assert again.state == whole.state


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions(), st.integers(0, 10_000))
def test_a_snapshot_in_the_middle_changes_nothing(definition: dict[str, Any], where: int) -> None:
    whole, points = played(definition)
    again = at(definition, whole, points[where % len(points)])
    packed = msgspec.msgpack.encode(again.state)

    again.dry.state = msgspec.msgpack.decode(packed, type=State)
    asyncio.run(again.dry.go_on())

    assert again.dry.events == whole.dry.events


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions(), st.integers(0, 10_000), st.booleans())
def test_a_run_can_be_stopped_at_every_point(definition: dict[str, Any], where: int, waits: bool) -> None:
    whole, points = played(definition)
    again = at(definition, whole, points[where % len(points)])
    assume(not again.state.is_over)

    again.say(Cancel() if waits else Terminate())
    asyncio.run(again.dry.settle())

    assert (again.state.status, again.state.frames) == ("cancelled", {})
    assert ACTOR.replay(through_json(again.dry.events)) == again.state


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions(), st.integers(0, 10_000))
def test_what_was_stopped_goes_on_to_the_same_kind_of_end(definition: dict[str, Any], where: int) -> None:
    whole, points = played(definition)
    again = at(definition, whole, points[where % len(points)])
    assume(not again.state.is_over)
    again.say(Terminate())

    again.say(Retry())
    asyncio.run(again.dry.go_on())

    assert again.state.is_over
    assert again.state.restarts == 1
    assert ACTOR.replay(through_json(again.dry.events)) == again.state


@settings(max_examples=EXAMPLES, deadline=None)
@given(definitions())
def test_what_has_failed_does_not_repeat_a_call_that_was_answered(definition: dict[str, Any]) -> None:
    found = begin(definition, GIVEN, world)
    asyncio.run(found.dry.go_on())
    assume(found.state.status == "failure")
    answered = len(found.calls)
    found.answer = healthy

    found.say(Retry())
    asyncio.run(found.dry.go_on())

    assert found.state.is_over
    assert len({call.key for call in found.calls}) == len(found.calls)
    assert is_whole(ACTOR.replay(found.dry.events[: len(found.dry.events) - 1]))
    assert len(found.calls) >= answered
