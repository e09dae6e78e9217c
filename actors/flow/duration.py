"""Durations as definitions write them; a month is a month."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

_ISO = re.compile(
    r"P(?:(?P<years>[\d.]+)Y)?(?:(?P<months>[\d.]+)M)?(?:(?P<weeks>[\d.]+)W)?(?:(?P<days>[\d.]+)D)?"
    r"(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+)S)?)?"
)
_CALENDAR = ("years", "months")


def after(start: datetime, duration: Any) -> datetime:
    """Return the instant a duration after another; raises ValueError when it is none."""
    parts = _parts(duration)
    moved = start + relativedelta(**{name: int(parts.pop(name, 0)) for name in _CALENDAR})  # type: ignore[arg-type]
    return moved + timedelta(**parts)


def _parts(duration: Any) -> dict[str, float]:
    if isinstance(duration, Mapping):
        return {str(name): float(value) for name, value in duration.items()}
    found = _ISO.fullmatch(str(duration))
    if found is None or not any(found.groups()):
        raise ValueError(f"{duration!r} is no duration: write PT30S, P1M, or seconds: 30")
    parts = {name: float(value) for name, value in found.groupdict().items() if value}
    if any(parts.get(name, 0) % 1 for name in _CALENDAR):
        raise ValueError(f"{duration!r}: years and months are whole")
    return parts
