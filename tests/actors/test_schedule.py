from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from actors.actor import Rejected
from actors.workflow.schedule import EXECUTIONS, check, grace, is_past, plan
from messages.schedule import Schedule

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(schedule: Schedule, moment: datetime = LONG_AGO) -> list[str]:
    return [f"{start:%m-%d %H:%M:%S}" for start, _ in plan(schedule, moment).slots]


def over(start: str, end: str | None, **rest: object) -> Schedule:
    return Schedule(start=start, end=end, **rest)  # type: ignore[arg-type]  # the tables vary them


def test_without_a_rule_there_is_one_execution_at_start() -> None:
    schedule = Schedule(start="2026-10-24T02:30:00", zone="Europe/Paris", duration="PT45M")

    assert plan(schedule, LONG_AGO) == (((at("2026-10-24T00:30"), at("2026-10-24T01:15")),), None)
    assert plan(schedule, at("2026-10-24T00:31")).slots == ()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # the spec's example: the clocks go back on the 25th
        (
            over("2026-10-24T00:00:00", "2026-10-28T00:00:00", cron="0 30 2 * * *", zone="Europe/Paris"),
            ["10-24 00:30:00", "10-25 00:30:00", "10-26 01:30:00", "10-27 01:30:00"],
        ),
        (
            over("2026-10-25T01:00:00", "2026-10-25T04:00:00", cron="*/30 * * * *", zone="Europe/Paris"),
            ["10-24 23:30:00", "10-25 00:00:00", "10-25 00:30:00", "10-25 02:00:00", "10-25 02:30:00"],
        ),
        # skipped: 02:30 on 2027-03-28 fires at 03:00
        (
            over("2027-03-27T00:00:00", "2027-03-30T00:00:00", cron="30 2 * * *", zone="Europe/Paris"),
            ["03-27 01:30:00", "03-28 01:00:00", "03-29 00:30:00"],
        ),
        (
            over("2027-03-28T01:30:00", "2027-03-28T03:30:00", cron="*/10 * * * *", zone="Europe/Paris"),
            ["03-28 00:40:00", "03-28 00:50:00", "03-28 01:00:00", "03-28 01:10:00", "03-28 01:20:00"],
        ),
        (
            over("2027-03-13T00:00:00", "2027-03-16T00:00:00", cron="30 2 * * *", zone="America/New_York"),
            ["03-13 07:30:00", "03-14 07:00:00", "03-15 06:30:00"],
        ),
        (
            over("2026-10-31T00:00:00", "2026-11-03T00:00:00", cron="30 1 * * *", zone="America/New_York"),
            ["10-31 05:30:00", "11-01 05:30:00", "11-02 06:30:00"],
        ),
        # half an hour is skipped: 02:15 on 2026-10-04 fires at 02:30
        (
            over("2026-10-03T00:00:00", "2026-10-06T00:00:00", cron="15 2 * * *", zone="Australia/Lord_Howe"),
            ["10-02 15:45:00", "10-03 15:30:00", "10-04 15:15:00"],
        ),
        (
            over("2027-03-27T02:30:00", "2027-03-30T00:00:00", rrule="RRULE:FREQ=DAILY", zone="Europe/Paris"),
            ["03-28 01:00:00", "03-29 00:30:00"],
        ),
        (
            over("2026-10-24T02:30:00", "2026-10-27T00:00:00", rrule="FREQ=DAILY", zone="Europe/Paris"),
            ["10-25 00:30:00", "10-26 01:30:00"],
        ),
    ],
)
def test_a_skipped_local_time_fires_at_the_next_valid_instant_and_a_repeated_one_once(
    schedule: Schedule, expected: list[str]
) -> None:
    check(schedule)

    assert starts(schedule) == expected


@pytest.mark.parametrize(
    ("rrule", "expected"),
    [
        ("RRULE:FREQ=DAILY;COUNT=3", ["03-02 09:00:00", "03-03 09:00:00"]),
        ("RRULE:FREQ=DAILY;UNTIL=20260303T090000Z", ["03-02 09:00:00", "03-03 09:00:00"]),
        ("RRULE:FREQ=DAILY;UNTIL=20260303", ["03-02 09:00:00", "03-03 09:00:00"]),
        ("RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260302T090000", ["03-03 09:00:00"]),
        ("RDATE:20260305T100000,20260304T100000Z", ["03-04 10:00:00", "03-05 10:00:00"]),
        ("RDATE;TZID=UTC:20260305T100000", ["03-05 10:00:00"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=3", ["03-02 09:00:00", "03-04 09:00:00", "03-09 09:00:00"]),
        ("freq=hourly;interval=8;count=3", ["03-01 17:00:00", "03-02 01:00:00"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=1", ["03-27 09:00:00"]),
    ],
)
def test_icalendar_rules_count_from_the_start(rrule: str, expected: list[str]) -> None:
    schedule = over("2026-03-01T09:00:00", "2026-04-01T00:00:00", rrule=rrule)

    check(schedule)

    assert starts(schedule) == expected


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("*/20 * 0 1 1 *", ["01-01 00:00:20", "01-01 00:00:40", "01-01 00:01:00"]),
        ("0 0 0 ? * SUN", ["01-03 00:00:00", "01-10 00:00:00", "01-17 00:00:00"]),
        ("0 0 * * 7", ["01-03 00:00:00", "01-10 00:00:00", "01-17 00:00:00"]),
        ("0 0 * * 1", ["01-04 00:00:00", "01-11 00:00:00", "01-18 00:00:00"]),
    ],
)
def test_six_fields_begin_with_seconds_and_sunday_is_0_or_7(cron: str, expected: list[str]) -> None:
    schedule = over("2027-01-01T00:00:00", "2027-02-01T00:00:00", cron=cron)

    assert starts(schedule)[:3] == expected


@pytest.mark.parametrize(
    ("inclusive", "expected"), [(False, ["01-01 01:00:00"]), (True, ["01-01 00:00:00", "01-01 01:00:00"])]
)
def test_the_start_counts_only_when_asked_and_the_end_never(inclusive: bool, expected: list[str]) -> None:
    schedule = over("2027-01-01T00:00Z", "2027-01-01T02:00Z", cron="0 * * * *", inclusive_start=inclusive)

    assert starts(schedule) == expected


def test_without_end_the_plan_is_a_window_that_is_extended_when_half_of_it_has_passed() -> None:
    schedule = Schedule(start="2027-01-01T00:00:00", cron="0 12 * * *", window_days=10)

    first = plan(schedule, LONG_AGO)
    assert first.more_at == at("2027-01-06T00:00")
    second = plan(schedule, first.more_at, after=first.slots[-1][0])

    assert len(first.slots) == 10
    assert [start for start, _ in second.slots] == [at(f"2027-01-{day}T12:00") for day in range(11, 16)]


def test_at_most_500_executions_stand_at_a_time_even_before_an_end() -> None:
    schedule = over("2027-01-01T00:00:00", "2027-01-02T00:00:00", cron="* * * * *", inclusive_start=True)

    first = plan(schedule, LONG_AGO)
    assert first.more_at == at("2027-01-01T04:10")
    second = plan(schedule, first.more_at, after=first.slots[-1][0])

    assert len(first.slots) == EXECUTIONS
    assert len(second.slots) == EXECUTIONS / 2
    assert second.slots[0][0] == first.slots[-1][0] + timedelta(minutes=1)


def test_a_rule_that_has_ended_is_not_planned_again() -> None:
    schedule = Schedule(start="2027-01-01T00:00:00", rrule="FREQ=DAILY;COUNT=3")

    assert plan(schedule, LONG_AGO).more_at is None


def test_nothing_is_planned_in_the_past() -> None:
    schedule = over("2027-01-01T00:00:00", "2027-01-05T00:00:00", cron="0 12 * * *")

    assert starts(schedule, at("2027-01-03T12:00")) == ["01-03 12:00:00", "01-04 12:00:00"]
    assert is_past(schedule, at("2027-01-01T00:00:01"))
    assert not is_past(schedule, at("2027-01-01T00:00"))


@pytest.mark.parametrize("rrule", ["FREQ=SECONDLY", "FREQ=MINUTELY;INTERVAL=7", "FREQ=DAILY", "FREQ=WEEKLY"])
def test_a_rule_that_began_long_ago_is_not_run_through(rrule: str) -> None:
    schedule = Schedule(start="1970-01-01T00:00:00", rrule=rrule)

    slots = plan(schedule, at("2026-10-20T00:00")).slots

    assert slots[0][0] >= at("2026-10-20T00:00")
    assert (slots[0][0] - at("1970-01-01T00:00")).total_seconds() % (420 if "7" in rrule else 1) == 0


START = "2026-10-24T00:00:00"


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        (over("2026-13-24T00:00:00", None), "start"),
        (over("0001-01-01T00:00:00", None), "start"),
        (over(START, START), "end"),
        (over(START, "2026-10-23T23:59:59Z"), "end"),
        (over(START, "tomorrow at noon"), "end"),
        (over(START, None, cron="0 0 30 2 *"), "cron"),
        (over(START, None, cron="0 0 * *"), "cron"),
        (over(START, None, cron="0 0 0 * * * 2027"), "cron"),
        (over(START, None, cron="61 0 * * *"), "cron"),
        (over(START, None, cron="nonsense of five good words"), "cron"),
        (over(START, None, cron="0 0 * * *", rrule="FREQ=DAILY"), "rrule"),
        (over(START, None, rrule=""), "rrule"),
        (over(START, None, rrule="FREQ=NEVER"), "rrule"),
        (over(START, None, rrule="FREQ=DAILY;INTERVAL=0"), "rrule"),
        (over(START, None, rrule="FREQ=DAILY;COUNT=99999"), "rrule"),
        (over(START, None, rrule="FREQ=DAILY;FREQ=DAILY"), "rrule"),
        (over(START, None, rrule="FREQ=YEARLY;BYDAY=99MO"), "rrule"),
        (over(START, None, rrule="FREQ=DAILY;BYSECOND=60"), "rrule"),
        (over(START, None, rrule="FREQ=HOURLY;INTERVAL=2;BYHOUR=1"), "rrule"),
        (over(START, None, rrule="FREQ=DAILY;UNTIL=soon"), "rrule"),
        (over(START, None, rrule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "rrule"),
        (over(START, None, rrule="FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"), "rrule"),
        (over(START, None, rrule="DTSTART:20260101T000000\nRRULE:FREQ=DAILY"), "rrule"),
        (over(START, None, rrule="RDATE:20260231T000000"), "rrule"),
        (over(START, None, rrule="RDATE;TZID=Asia/Tokyo:20261031T000000"), "rrule"),
        (over(START, None, rrule="EXDATE:20261031T000000"), "rrule"),
        (over(START, None, zone="Europe"), "zone"),
        (over(START, None, zone="Mars/Olympus"), "zone"),
        (over(START, None, zone="../etc/passwd"), "zone"),
        (over(START, None, duration="PT0S"), "duration"),
        (over(START, None, duration="-PT5M"), "duration"),
        (over(START, None, duration="45 minutes"), "duration"),
        (over(START, None, duration="P9999D"), "duration"),
        (over(START, None, grace="now"), "grace"),
        (over(START, None, deadline="PT0S"), "deadline"),
    ],
)
def test_what_cannot_be_planned_is_refused_naming_the_field(schedule: Schedule, field: str) -> None:
    with pytest.raises(Rejected) as refusal:
        check(schedule)

    assert refusal.value.code == "invalid_schedule"
    assert refusal.value.at == f"/schedule/{field}"
    assert refusal.value.detail.startswith(field)


def test_a_duration_that_is_not_given_has_its_default() -> None:
    assert grace(Schedule(start=START)) == timedelta(seconds=60)


@settings(deadline=None, max_examples=60)
@given(
    zone=some.sampled_from(ZONES),
    rule=some.sampled_from(
        [
            {"cron": "*/30 * * * *"},
            {"cron": "15 30 2 * * *"},
            {"cron": "0 0,12 */2 * *"},
            {"rrule": "FREQ=HOURLY;INTERVAL=5"},
            {"rrule": "RRULE:FREQ=DAILY;BYHOUR=1,2;BYMINUTE=0,15,30"},
        ]
    ),
    start=some.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
    days=some.integers(1, 60),
    late=some.timedeltas(timedelta(-5), timedelta(5)),
)
def test_slots_rise_strictly_within_start_and_end(
    zone: str, rule: dict[str, str], start: datetime, days: int, late: timedelta
) -> None:
    begin = start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    schedule = over(begin.isoformat(), (begin + timedelta(days)).isoformat(), zone=zone, **rule)

    instants = [slot for slot, _ in plan(schedule, begin + late).slots]

    assert instants == sorted(set(instants))
    assert len(instants) <= EXECUTIONS
    assert all(begin < instant < begin + timedelta(days) and instant >= begin + late for instant in instants)
    whole = [slot for slot, _ in plan(schedule, begin).slots if slot >= begin + late]
    assert instants[: len(whole)] == whole
