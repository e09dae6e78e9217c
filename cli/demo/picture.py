"""Pictures for the terminal: what is booked when, and what stands where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.table import Table
from rich.text import Text

from cli import show

STYLES = ("cyan", "magenta", "green", "yellow", "blue")
MARK = "█"
CELL = timedelta(minutes=15)


def local(text: str, zone: ZoneInfo) -> datetime:
    """Return an instant of the wire as local time."""
    return datetime.fromisoformat(text).astimezone(zone)


def calendar(slots: Sequence[Mapping[str, Any]], capacity: int, zone: ZoneInfo, hours: range) -> Table:
    """Draw a book: a row a day and unit, a column a quarter of an hour, local time."""
    names = sorted({str(slot["workflow"]) for slot in slots})
    styles = dict(zip(names, STYLES, strict=False))
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    drawn.add_column("local day")
    drawn.add_column("unit", justify="right")
    drawn.add_column(Text("".join(f"{hour:02d}h ".ljust(4) for hour in hours)))
    for day in sorted({local(str(slot["start"]), zone).date() for slot in slots}):
        taken = [slot for slot in slots if local(str(slot["start"]), zone).date() == day]
        for unit, row in enumerate(_rows(taken, capacity, day, (zone, hours, styles)), 1):
            drawn.add_row(f"{day:%a %d %b}" if unit == 1 else "", str(unit), row)
    drawn.caption = Text("  ").join(
        Text.assemble((MARK * 2, styles.get(name, "white")), f" {show.clean(name)}") for name in names
    )
    return drawn


def _rows(
    slots: Iterable[Mapping[str, Any]],
    capacity: int,
    day: date,
    how: tuple[ZoneInfo, range, Mapping[str, str]],
) -> list[Text]:
    zone, hours, styles = how
    rows = [[("·", "dim")] * (len(hours) * 4) for _ in range(capacity)]
    for slot in sorted(slots, key=lambda one: (str(one["start"]), str(one["workflow"]))):
        cells = _cells(slot, zone, hours)
        free = [row for row in rows if all(row[cell][0] == "·" for cell in cells)]
        for row in free[: int(slot["units"])]:
            for cell in cells:
                row[cell] = (MARK, styles.get(str(slot["workflow"]), "white"))
    return [Text.assemble(*row) for row in rows]


def _cells(slot: Mapping[str, Any], zone: ZoneInfo, hours: range) -> range:
    start, end = local(str(slot["start"]), zone), local(str(slot["end"]), zone)
    first = (start.hour - hours.start) * 4 + start.minute // 15
    count = max(1, round((end - start) / CELL))
    return range(max(first, 0), min(first + count, len(hours) * 4))


def planned(executions: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Table:
    """Show executions in local time, with the offset that the zone has that night."""
    rows = [
        {
            "execution": one["id"],
            f"starts ({zone.key})": f"{local(str(one['start']), zone):%a %d %b %H:%M %Z}",
            "utc": f"{datetime.fromisoformat(str(one['start'])):%d %b %H:%M}Z",
            "state": one["state"],
            "booked": ", ".join(
                f"{b['owner']}/{str(b['resource']).rpartition('/')[2]} {b['state']}" for b in one["bookings"]
            ),
        }
        for one in executions
    ]
    return show.table(list(rows[0]) if rows else ["execution"], rows)
