"""Who plays the first act, and when: the nightly forecast is moved to where the clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cli.demo.program import Unexpected
from cli.demo.stage import Player
from cli.demo.story import Story, documents
from cli.documents import Document

PARIS = ZoneInfo("Europe/Paris")
AHEAD = timedelta(days=14)
"""How far ahead the change of the clocks must be, so that the plan lies wholly in the future."""
DAYS_MAX = 366


@dataclass
class Plot(Story):
    """The three who play it, and what they ask each other."""

    observatory: Player
    laboratory: Player
    centre: Player

    def documents(self, name: str) -> Iterator[Document]:
        """Return the documents of an example, the forecast moved to the next night the clocks change."""
        for document in documents(name):
            schedule = document.fields.get("schedule")
            if schedule:
                night = clocks_change(datetime.now(UTC) + AHEAD)
                schedule["start"] = f"{night - timedelta(days=2):%Y-%m-%dT00:00:00}"
                schedule["end"] = f"{night + timedelta(days=2):%Y-%m-%dT00:00:00}"
            yield document

    async def workflow(self, id: str) -> dict[str, Any]:
        """Return a workflow of the laboratory."""
        return await self.laboratory.ask("workflow", "get", id=id)

    async def settled(self, id: str, *plans: str) -> dict[str, Any]:
        """Wait until the plan of a workflow is one of these."""
        found: dict[str, Any] = await self.laboratory.until(
            lambda: self.workflow(id), lambda one: one["plan"] in plans, f"{id} to be {' or '.join(plans)}"
        )
        return found

    async def slots(self, workflow: str = "") -> list[dict[str, Any]]:
        """Return what is booked at the centre."""
        book = await self.centre.ask("booking", "get", id="hpc")
        return [slot for slot in book["slots"] if workflow in ("", slot["workflow"])]

    def forecast(self) -> Document:
        """Return the workflow of the forecast."""
        (document,) = (one for one in self.documents("laboratory.yaml") if one.kind == "workflow")
        return document

    async def plan_variant(self, id: str, name: str, *, units: int) -> None:
        """Save a workflow like the forecast that wants so many units."""
        fields = self.forecast().fields
        fields["name"] = name
        fields["graph"]["items"]["cluster"]["units"] = units
        await self.call(self.laboratory, ("workflow", id, "save"), fields)


def clocks_change(after: datetime) -> datetime:
    """Return midnight of the first day after an instant on which Paris changes its clocks."""
    day = after.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for _ in range(DAYS_MAX):
        next_day = day + timedelta(days=1)
        if day.replace(tzinfo=PARIS).utcoffset() != next_day.replace(tzinfo=PARIS).utcoffset():
            return day
        day = next_day
    raise Unexpected("Paris does not change its clocks any more")


def local_time(one: dict[str, Any]) -> str:
    """Return when a slot or an execution starts, in Paris."""
    return f"{datetime.fromisoformat(one['start']).astimezone(PARIS):%H:%M}"
