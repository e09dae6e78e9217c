"""What a call of ``book`` is given: which compute, from when on, how long, and how much of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from actors.actor import Turn
from actors.flow.duration import after
from messages import reservation
from messages.envelope import micros, rfc3339
from messages.subjects import is_token
from messages.task_events import Called

BOOK: Final = "book"
UNITS_MAX = 1_000_000
DURATION_MAX = timedelta(days=366)
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def wrong(given: Mapping[str, Any], computed: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the name of each argument that cannot be, and why; what is computed is not known yet."""
    for name, value in given.items():
        if name not in _CHECKS:
            yield name, f"a call of {BOOK} has {', '.join(_CHECKS)}"
        elif name not in computed and (why := _CHECKS[name](value)):
            yield name, why
    for name in ("resource", "duration"):
        if name not in given:
            yield "", f"{name} is missing"


def _resource(value: Any) -> str:
    is_one = isinstance(value, str) and value.count("/") <= 1 and all(map(is_token, value.split("/")))
    return "" if is_one else "write the id of a compute, or <node>/<id>"


def _start(value: Any) -> str:
    try:
        _instant(value)
    except (ValueError, TypeError, OverflowError):
        return "write an instant with its zone: 2026-10-24T02:30:00Z"
    return ""


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("it has no zone")
    return found.astimezone(UTC)


def _duration(value: Any) -> str:
    try:
        is_one = _SOME_DAY < after(_SOME_DAY, value) <= _SOME_DAY + DURATION_MAX
        return "" if is_one else f"write how long, at most {DURATION_MAX.days} days: PT1H"
    except (ValueError, TypeError, OverflowError) as error:
        return str(error)


def _units(value: Any) -> str:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= UNITS_MAX
    return "" if is_count else f"write a number from 1 to {UNITS_MAX}"


_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "resource": _resource,
    "start": _start,
    "duration": _duration,
    "units": _units,
}


def wanted(given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what is asked of the owner, in plain values; for what ``wrong`` finds nothing in.

    Raises OverflowError or ValueError when it ends after the last year that there is.
    """
    start = _instant(given["start"]) if "start" in given else now
    end = after(start, given["duration"])
    return {
        "resource": given["resource"],
        "start": rfc3339(micros(start)),
        "end": rfc3339(micros(end)),
        "units": given.get("units", 1),
    }


def begin(event: Called, turn: Turn, mark: str) -> reservation.Begin:
    """Return the order to book what a task wants."""
    given = event.arguments
    resource, start, end = str(given["resource"]), _instant(given["start"]), _instant(given["end"])
    return reservation.Begin(
        resource=resource if "/" in resource else f"{turn.node}/{resource}",
        start=start,
        end=end,
        units=given["units"],
        until=event.until or end,
        reply_to=turn.me,
        reply_mark=mark,
    )
