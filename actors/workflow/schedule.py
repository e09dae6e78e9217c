"""Turn a schedule into the slots of its executions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, takewhile
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from actors.actor import Rejected
from actors.workflow.recurrence import cron_times, rule_times
from messages.schedule import Schedule

EXECUTIONS = 500
"""The most that are planned at a time."""
YEARS = range(1970, 3000)
DURATION_DAYS = 366
"""The longest that a duration of a schedule may be."""

Slot: TypeAlias = tuple[datetime, datetime]

_MICROSECOND = timedelta(microseconds=1)
_RESOLUTION = timedelta(seconds=1)
"""No two instants of a schedule are nearer."""


class Plan(NamedTuple):
    """The slots to book now, in order and in UTC, and when to plan again; None = that is all."""

    slots: tuple[Slot, ...]
    more_at: datetime | None


def check(schedule: Schedule) -> None:
    """Raise Rejected, naming the field and the remedy, unless the schedule can be planned."""
    zone = _zone(schedule)
    for field in ("duration", "deadline", "grace"):
        _duration(schedule, field)
    for field in ("catch_up_window", "jitter"):
        if getattr(schedule, field) is not None:
            _duration(schedule, field)
    if jitter(schedule) >= duration(schedule):
        raise _invalid("jitter", "is not less than the duration; write a shorter one")
    start = _instant(schedule.start, zone, "start")
    if schedule.end is not None and start >= _instant(schedule.end, zone, "end"):
        raise _invalid("end", "is not after the start; set a later end or leave it out")
    if schedule.cron is not None and schedule.rrule is not None:
        raise _invalid("rrule", "and cron exclude each other; leave one out")
    if schedule.cron is not None or schedule.rrule is not None:
        before = _local(start - _MICROSECOND, zone)
        if next(_times(schedule, zone, before), None) is None:
            field = "rrule" if schedule.cron is None else "cron"
            raise _invalid(field, "never fires; choose a date that exists")


def plan(schedule: Schedule, at: datetime, after: datetime | None = None) -> Plan:
    """Return the slots from ``at`` on that start later than ``after``, the last one planned before.

    The first 500 instants from ``at`` on are in the plan: those before ``end``, or without it those of the
    window. When half of that time has passed, ``more_at``, the plan wants to be extended.
    """
    start, length = starts(schedule), duration(schedule)
    if schedule.cron is None and schedule.rrule is None:
        return Plan(_slots([start] if start >= at else [], length, after), None)
    begin = max(start, at)
    horizon = ends(schedule) or begin + timedelta(days=schedule.window_days)
    instants: list[datetime] = []
    for instant in _instants(schedule, begin):
        if instant >= horizon:
            more_at = None if schedule.end else begin + (horizon - begin) / 2
            return Plan(_slots(instants, length, after), more_at)
        if len(instants) == EXECUTIONS:
            return Plan(_slots(instants, length, after), begin + (instant - begin) / 2)
        instants.append(instant)
    return Plan(_slots(instants, length, after), None)


def times(schedule: Schedule, since: datetime) -> Iterator[datetime]:
    """Yield the instants from one on, in order, in UTC: those before ``end``."""
    end = ends(schedule)
    if schedule.cron is None and schedule.rrule is None:
        instants = iter([starts(schedule)] if starts(schedule) >= since else [])
    else:
        instants = _instants(schedule, max(starts(schedule), since))
    return takewhile(lambda instant: end is None or instant < end, instants)


def latest(schedule: Schedule, since: datetime, before: datetime) -> datetime | None:
    """Return the last instant from one on and before another; it is searched for by halves."""
    found = next(times(schedule, since), None)
    if found is None or found >= before:
        return None
    while before - since > _RESOLUTION:
        middle = since + (before - since) / 2
        later = next(times(schedule, middle), None)
        if later is None or later >= before:
            before = middle
        else:
            found = since = later
    return found


def slots(schedule: Schedule, instants: Iterable[datetime]) -> tuple[Slot, ...]:
    """Return the slots that begin at these instants."""
    return _slots(list(instants), duration(schedule), None)


def is_past(schedule: Schedule, at: datetime) -> bool:
    """Say whether the start lies before an instant: such a schedule is stored, but not active."""
    return starts(schedule) < at


def starts(schedule: Schedule) -> datetime:
    """Return the start in UTC."""
    return _instant(schedule.start, _zone(schedule), "start")


def ends(schedule: Schedule) -> datetime | None:
    """Return the end in UTC; None = it has none."""
    return None if schedule.end is None else _instant(schedule.end, _zone(schedule), "end")


def duration(schedule: Schedule) -> timedelta:
    """Return how long each execution lasts."""
    return _duration(schedule, "duration")


def deadline(schedule: Schedule) -> timedelta:
    """Return how long the owners of compute have to answer."""
    return _duration(schedule, "deadline")


def grace(schedule: Schedule) -> timedelta:
    """Return how late an execution may start."""
    return _duration(schedule, "grace")


def jitter(schedule: Schedule) -> timedelta:
    """Return how much later than its instant an execution may begin."""
    return timedelta(0) if schedule.jitter is None else _duration(schedule, "jitter")


def window(schedule: Schedule) -> timedelta:
    """Return how long after its time an execution that was missed still runs."""
    return duration(schedule) if schedule.catch_up_window is None else _duration(schedule, "catch_up_window")


def _slots(instants: list[datetime], length: timedelta, after: datetime | None) -> tuple[Slot, ...]:
    return tuple((instant, instant + length) for instant in instants if after is None or instant > after)


def _instants(schedule: Schedule, begin: datetime) -> Iterator[datetime]:
    """Yield the instants from ``begin`` on, in order, each once."""
    zone, start = _zone(schedule), starts(schedule)
    previous = start if not schedule.inclusive_start else start - _MICROSECOND
    for time in _times(schedule, zone, _local(begin - _MICROSECOND, zone)):
        instant = _resolve(time, zone)
        if instant >= begin and instant > previous:
            yield instant
            previous = instant


def _times(schedule: Schedule, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    field = "cron" if schedule.rrule is None else "rrule"
    try:
        if schedule.rrule is None:
            times = cron_times(schedule.cron or "", after)
        else:
            times = rule_times(schedule.rrule, zone, _local_start(schedule, zone), after)
        # some wrong rules show only when the first time is looked for
        return chain(list(islice(times, 1)), times)
    except (ValueError, OverflowError) as error:
        raise _invalid(field, str(error)) from error


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _local_start(schedule: Schedule, zone: ZoneInfo) -> datetime:
    """Return the start as it was written, though it may be skipped: rules count from it."""
    time = datetime.fromisoformat(schedule.start)
    return time if time.tzinfo is None else _local(time, zone)


def _resolve(time: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time: the first of a repeated one, the next valid of a skipped one."""
    first = time.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _local(first, zone) == time:
        return first
    # in a gap the earlier offset leads past it and the later one before it (PEP 495)
    before = time.replace(tzinfo=zone, fold=1, microsecond=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    seconds = bisect_left(
        range(int((first - before).total_seconds())),
        True,
        key=lambda second: (before + timedelta(seconds=second)).astimezone(zone).utcoffset() != offset,
    )
    return before + timedelta(seconds=seconds)


def _zone(schedule: Schedule) -> ZoneInfo:
    try:
        return ZoneInfo(schedule.zone)
    except (KeyError, ValueError, OSError) as error:
        raise _invalid("zone", f"{schedule.zone!r} is not known; write one like Europe/Paris") from error


def _instant(text: str, zone: ZoneInfo, field: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise _invalid(field, f"{text!r} is no time; write it like 2026-10-24T02:30:00") from error
    if time.year not in YEARS:
        raise _invalid(field, f"{text!r} is not between the years {YEARS[0]} and {YEARS[-1]}")
    return _resolve(time, zone) if time.tzinfo is None else time.astimezone(UTC)


def _duration(schedule: Schedule, field: str) -> timedelta:
    text = getattr(schedule, field)
    try:
        length = msgspec.convert(text, timedelta)
    except msgspec.ValidationError as error:
        raise _invalid(field, f"{text!r} is no ISO 8601 duration; write it like PT45M") from error
    if not timedelta(0) < length <= timedelta(days=DURATION_DAYS):
        raise _invalid(field, f"{text!r} is not more than nothing and at most {DURATION_DAYS} days")
    return length


def _invalid(field: str, detail: str) -> Rejected:
    return Rejected("invalid_schedule", f"{field} {detail}", at=f"/schedule/{field}")
