"""Schedules over summer time, outages and clocks that are set, beside a walk through the minutes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from messages.workflow import Save
from tests.actors.clock import Clock
from tests.actors.walked import MINUTE, Change, Policy, Rule, Walk, instants

ZONES = (
    *(
        "Europe/Paris",
        "Europe/London",
        "Europe/Dublin",
        "Europe/Athens",
        "Europe/Chisinau",
        "Atlantic/Azores",
    ),
    *("America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Havana", "America/Santiago"),
    *("America/Nuuk", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Jerusalem"),
    *("Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham"),
)
YEAR = datetime(2027, 1, 1, tzinfo=UTC)
OVERLAPS = ("skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all")
POLICIES = list(product(OVERLAPS, ("all", "last", "none")))
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AWRY = 7 * MINUTE
"""At no instant of a schedule."""
DAYS = 5
LENGTH = timedelta(minutes=47, seconds=30)
WINDOW = timedelta(hours=13)
HOURS, MINUTES = frozenset({0, 1, 2, 3, 4, 13, 23}), frozenset({0, 20, 45})
CRON = "0,20,45 0-4,13,23 * * *"
SCRIPTS = {
    "steady": [],
    "an_outage": [(-3 * HOUR, "down"), (6 * HOUR, "up")],
    "a_long_outage": [(-20 * HOUR, "down"), (20 * HOUR, "up")],
    "a_day_ahead": [(-6 * HOUR, DAY)],
    "a_day_back": [(6 * HOUR, -DAY)],
    "a_day_ahead_and_back": [(-6 * HOUR, DAY), (-2 * HOUR, -DAY)],
}
"""What happens how long after the change of the offset."""
CASES = list(product(range(len(ZONES)), (0, 1), SCRIPTS))
GONE = ("forgotten", None)
WHOLE = bool(os.environ.get("COVEY_SOAK"))
EXAMPLES = 500 if WHOLE else 25


@cache
def changes(zone: str) -> list[datetime]:
    """Return the first instants of a year at which the clocks of a zone go forward, and back."""
    found: list[tuple[datetime, bool]] = []
    at = YEAR
    while at < YEAR + timedelta(days=366):
        before, after = (one.astimezone(ZoneInfo(zone)).utcoffset() for one in (at - 15 * MINUTE, at))
        assert before is not None
        assert after is not None
        if before != after:
            found.append((at, after > before))
        at += 15 * MINUTE
    ways = {is_ahead: at for at, is_ahead in reversed(found)}
    return [ways[True], ways[False]]


@cache
def walked(zone: str, number: int) -> tuple[Rule, list[datetime]]:
    local = changes(zone)[number].astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    start = local.replace(hour=12, minute=0) - 2 * DAY
    rule = Rule(zone, start, HOURS, MINUTES)
    return rule, instants(rule, DAYS + 4)


def policies(case: int) -> list[tuple[str, str]]:
    """Return all policies, or those whose turn it is."""
    return POLICIES if WHOLE else [POLICIES[case % len(POLICIES)]]


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda case: "-".join(map(str, CASES[case])))
def test_each_start_is_what_the_words_of_the_specification_say(case: int) -> None:
    zone_number, number, script = CASES[case]
    rule, schedule = walked(ZONES[zone_number], number)
    # the whole turn of the policies goes over all zones and scripts
    for overlap, catch_up in policies(case + case // len(SCRIPTS)):
        policy = Policy(overlap, catch_up, WINDOW, timedelta(seconds=60), LENGTH)
        begin = rule.start.replace(tzinfo=UTC) - DAY
        steps = [(changes(rule.zone)[number] + after + AWRY, what) for after, what in SCRIPTS[script]]
        walk = Walk(schedule, policy)
        walk.walk(begin, begin + (DAYS + 1) * DAY, [_change(at, what) for at, what in steps])

        found = _played(rule, policy, (begin, begin + (DAYS + 1) * DAY), steps)

        # what was out of the window before it was planned is in no list
        told = {at: what for at, what in walk.told.items() if at in found or what != GONE}
        assert found == told
        assert len(found) >= 20


def test_all_policies_are_tried_with_each_script() -> None:
    tried = {
        (CASES[case][2], policy)
        for case in range(len(CASES))
        for policy in policies(case + case // len(SCRIPTS))
    }

    assert len(tried) == len(SCRIPTS) * len(POLICIES)


FIVE = 5 * MINUTE
STEPS = some.lists(
    some.tuples(
        some.integers(1, 300).map(lambda number: number * FIVE),
        some.one_of(some.just("down"), some.sampled_from([*range(-288, 0), *range(1, 289)])),
    ),
    max_size=4,
)
"""How long after the one before it the clock is set, by how many times five minutes, or the node goes."""


# what fails takes minutes to be made small, and says enough as it is
@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    some.sampled_from(ZONES), some.integers(0, 1), some.sampled_from(POLICIES), STEPS, some.integers(1, 150)
)
def test_any_outages_and_jumps_lead_to_what_the_words_say(
    zone: str, number: int, policies: tuple[str, str], drawn: list[tuple[timedelta, Any]], minutes: int
) -> None:
    rule, schedule = walked(zone, number)
    length = timedelta(minutes=minutes, seconds=30)
    policy = Policy(*policies, WINDOW, timedelta(seconds=60), length)
    begin = rule.start.replace(tzinfo=UTC) - DAY
    steps = _apart(begin + DAY, drawn)
    walk = Walk(schedule, policy)
    walk.walk(begin, begin + (DAYS + 1) * DAY, [_change(at, what) for at, what in steps])

    found = _played(rule, policy, (begin, begin + (DAYS + 1) * DAY), steps)

    told = {at: what for at, what in walk.told.items() if at in found or what != GONE}
    assert found == told


def _apart(at: datetime, drawn: list[tuple[timedelta, Any]]) -> list[tuple[datetime, object]]:
    """Return when each step is, at no instant of the schedule; a node that went is back after as long."""
    end, at = at + (DAYS - 1) * DAY, at + AWRY
    steps: list[tuple[datetime, object]] = []
    for after, what in drawn:
        lasts = after if what == "down" else timedelta(0)
        at += after + lasts
        if at > end:
            break
        steps.append((at - lasts, what if what == "down" else what * FIVE))
        steps += [(at, "up")] if what == "down" else []
    return steps


def _change(at: datetime, what: object) -> Change:
    return Change(at, set_by=what) if isinstance(what, timedelta) else Change(at, is_up=what == "up")


def _played(
    rule: Rule, policy: Policy, life: tuple[datetime, datetime], steps: list[tuple[datetime, object]]
) -> dict[datetime, tuple[str, datetime | None]]:
    clock, offset = Clock(life[0], policy.length), timedelta(0)
    clock.say(_save(rule, policy))
    for at, what in steps:
        if what == "up":
            clock.down(at + offset)
            continue
        clock.until(at + offset)
        if isinstance(what, timedelta):
            clock.set(what)
            offset += what
    clock.until(life[1] + offset)
    return _told(clock)


def _save(rule: Rule, policy: Policy) -> Save:
    schedule = {
        "start": rule.start.isoformat(),
        "cron": CRON,
        "zone": rule.zone,
        "duration": "PT30M",
        "overlap": policy.overlap,
        "catch_up": policy.catch_up,
        "catch_up_window": "PT13H",
        "window_days": 1,
    }
    document = {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "w", "version": "1.0.0"},
        "do": [{"say": {"set": {"said": True}}}],
    }
    body = {"name": "W", "definition": document, "schedule": schedule, "schedule_active": True}
    return msgspec.convert(body, Save)


def _told(clock: Clock) -> dict[datetime, tuple[str, datetime | None]]:
    told: dict[datetime, tuple[str, datetime | None]] = {
        _instant(id): ("forgotten" if why.startswith("missed") else "cancelled", None)
        for id, why in clock.passed.items()
    }
    return told | {_instant(id): ("started", at) for id, at in clock.began}


def _instant(id: str) -> datetime:
    return datetime.strptime(id, "w-%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
