"""All that has happened to one entity, however much it is."""

from __future__ import annotations

from cli.client import Client
from cli.errors import Failed
from cli.follow import PAGE, START, Row, page

EVENTS_MAX = 1_000_000
"""How many events are read of one entity."""


async def events(node: Client, what: tuple[str, str], until: int | None = None) -> list[Row]:
    """Return the events of an entity up to a version; raises Failed when the oldest are gone."""
    kind, id = what
    found: list[Row] = []
    while len(found) < EVENTS_MAX:
        told = await page(node, what, found[-1]["version"] if found else 0, PAGE)
        if START in told:
            raise Failed(f"{kind} {id}: its history before version {told[START]['version']} was forgotten")
        found += told["events"]
        if not told["next"]:
            break
    return [row for row in found if until is None or row["version"] <= until]
