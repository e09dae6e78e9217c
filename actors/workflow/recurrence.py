"""The local times at which a cron expression or iCalendar rules fire, each step bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from dateutil.rrule import rrule, rruleset, rrulestr

RULE_LINES = 50
RULE_NUMBER = 10_000
"""The most that INTERVAL and COUNT may say."""
CALENDAR_YEARS = 400
"""After so many years dates fall on the same weekdays again."""
LAST_YEAR = 9899
"""Rules are run in the last such years that datetime knows, so that one that never fires soon ends."""

_STAMP = re.compile(r"\d{8}T\d{6}Z?")
_DAY = re.compile(r"(?<=UNTIL=)\d{8}(?!\d*T)")
_DATE_FILTERS = {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY", "BYSETPOS"}
_WEEKDAY = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)")
_ORDINALS = {"MONTHLY": 5, "YEARLY": 53}
"""How far a weekday may be counted in BYDAY."""
_RANGES = {
    "INTERVAL": range(1, RULE_NUMBER + 1),
    "COUNT": range(1, RULE_NUMBER + 1),
    "BYSECOND": range(60),
    "BYMINUTE": range(60),
    "BYHOUR": range(24),
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(-31, 32),
    "BYYEARDAY": range(-366, 367),
    "BYWEEKNO": range(-53, 54),
    "BYSETPOS": range(-366, 367),
}
_PERIODS = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
_FREQUENCIES = (*_PERIODS, "MONTHLY", "YEARLY")


def cron_times(expression: str, after: datetime) -> Iterator[datetime]:
    """Return the naive local times strictly after one; raise ValueError saying what is wrong."""
    fields = expression.split()
    if len(fields) not in (5, 6):
        raise ValueError(f"has {len(fields)} fields; write 'mm hh dd MM dow' or 'ss mm hh dd MM dow'")
    try:
        # "?" is how other dialects write "any day"
        return CronSim(" ".join("*" if field == "?" else field for field in fields), after)
    except CronSimError as error:
        raise ValueError(f"{error}; write 'mm hh dd MM dow' or 'ss mm hh dd MM dow'") from error


def rule_times(text: str, zone: ZoneInfo, start: datetime, after: datetime) -> Iterator[datetime]:
    """Return the naive local times after one, of rules counted from a start; raise ValueError likewise."""
    lines = [line.strip().upper() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= RULE_LINES:
        raise ValueError(f"has {len(lines)} lines; write 1 to {RULE_LINES} of RRULE, RDATE and EXDATE")
    years = (LAST_YEAR - max(start, after).year) // CALENDAR_YEARS * CALENDAR_YEARS
    times = rruleset()
    for line in lines:
        _add(
            times,
            _shifted(_without_zone(line, zone), zone, years),
            _later(start, years),
            _later(after, years),
        )
    return (_later(time, -years) for time in times if _later(time, -years) > after)


def _add(times: rruleset, line: str, start: datetime, after: datetime) -> None:
    name, colon, value = line.rpartition(":")
    match name.split(";")[0]:
        case "" | "RRULE":
            times.rrule(_rule(value, start, after))
        case "RDATE" if colon:
            for stamp in value.split(","):
                times.rdate(_parse(stamp))
        case "EXDATE" if colon:
            for stamp in value.split(","):
                times.exdate(_parse(stamp))
        case _:
            raise ValueError(f"{name} is not one of RRULE, RDATE and EXDATE")


def _rule(value: str, start: datetime, after: datetime) -> rrule:
    parts = _parts(value)
    frequency = parts["FREQ"]
    # looking for a day hour by hour has no bound, nor has counting what the seconds leave
    if (frequency in ("SECONDLY", "MINUTELY", "HOURLY") and _DATE_FILTERS & parts.keys()) or (
        frequency == "SECONDLY" and "COUNT" in parts and {"BYHOUR", "BYMINUTE"} & parts.keys()
    ):
        raise ValueError(f"FREQ={frequency} looks too far; write FREQ=DAILY with BYHOUR, BYMINUTE, BYSECOND")
    rule = rrulestr(value, dtstart=_near(parts, start, after))
    if not isinstance(rule, rrule):
        raise ValueError(f"{value} is not one rule")
    return rule


def _parts(value: str) -> dict[str, str]:
    """Return the parts of a rule, each checked: the library takes some wrong ones and breaks later."""
    pairs = [part.partition("=") for part in value.split(";")]
    parts = {name: text for name, _, text in pairs}
    if len(parts) < len(pairs) or parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"{value} needs each part once, and FREQ one of {', '.join(_FREQUENCIES)}")
    farthest = min(_ORDINALS.get(parts["FREQ"], 0), 5 if "BYMONTH" in parts else 53)
    for name, text in parts.items():
        if not _is_part(name, text, farthest):
            raise ValueError(f"{name}={text} is no part of a rule of RFC 5545")
    return parts


def _is_part(name: str, text: str, farthest: int) -> bool:
    if name in _RANGES:
        numbers = [text] if name in ("INTERVAL", "COUNT") else text.split(",")
        signed = all(re.fullmatch(r"[+-]?[0-9]{1,5}", number) for number in numbers)
        return signed and all(_in_range(int(number), name) for number in numbers)
    if name == "BYDAY":
        days = [_WEEKDAY.fullmatch(day) for day in text.split(",")]
        return all(day and abs(int(day[1] or 0)) <= farthest for day in days)
    if name == "WKST":
        return re.fullmatch("MO|TU|WE|TH|FR|SA|SU", text) is not None
    return name == "FREQ" or (name == "UNTIL" and _STAMP.fullmatch(text) is not None)


def _in_range(number: int, name: str) -> bool:
    # only what counts from both ends has no zeroth
    return number in _RANGES[name] and (number != 0 or _RANGES[name][0] == 0)


def _near(parts: dict[str, str], start: datetime, after: datetime) -> datetime:
    """Return the last start with the same phase that is not too late: an old rule is not run through."""
    if parts["FREQ"] not in _PERIODS or "COUNT" in parts or after <= start:
        return start
    period = _PERIODS[parts["FREQ"]] * int(parts.get("INTERVAL", 1))
    return start + (after - start) // period * period


def _without_zone(line: str, zone: ZoneInfo) -> str:
    prefix, colon, value = line.rpartition(":")
    plain = prefix.replace(f";TZID={zone.key.upper()}", "").replace(";VALUE=DATE-TIME", "")
    if ";" in plain:
        raise ValueError(f"{prefix} has a parameter; write local times of {zone.key}, or UTC with a Z")
    return plain + colon + value


def _shifted(line: str, zone: ZoneInfo, years: int) -> str:
    """Return the line with every stamp in naive local time, so many years later."""

    def shift(match: re.Match[str]) -> str:
        time = _parse(match[0].rstrip("Z"))
        if match[0].endswith("Z"):
            time = time.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        return f"{_later(time, years):%Y%m%dT%H%M%S}"

    return _STAMP.sub(shift, _DAY.sub(lambda match: f"{match[0]}T235959", line))


def _parse(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%S")
    except ValueError as error:
        raise ValueError(f"{stamp} is not a time; write it like 20261024T023000") from error


def _later(time: datetime, years: int) -> datetime:
    return time.replace(year=time.year + years)
