"""The acts: an observatory, a laboratory and a computing centre plan together; each step checks itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, RenderableType

from cli import trace
from cli.demo.picture import calendar, planned
from cli.demo.stage import Player, Unexpected, introduce
from cli.documents import Document, headed

PARIS = ZoneInfo("Europe/Paris")
NIGHTS = 4
HOURS = range(1, 8)
CAPACITY = 2
AHEAD = timedelta(days=14)
"""How far ahead the change of the clocks must be, so that the plan lies wholly in the future."""


@dataclass
class Story:
    """What the acts share."""

    observatory: Player
    laboratory: Player
    centre: Player
    examples: Path
    console: Console
    checks: list[str]
    """What was found to be so."""

    def title(self, text: str) -> None:
        """Open an act."""
        self.console.print()
        self.console.rule(f"[bold]{text}", align="left")

    def check(self, is_so: bool, what: str, seen: Any = "") -> None:
        """Note that something is as promised, or end the demo."""
        if not is_so:
            raise Unexpected(f"not so: {what} ({seen})")
        self.checks.append(what)
        self.console.print(f"  [green]✓[/] {what}")

    def show(self, renderable: RenderableType) -> None:
        """Show a picture."""
        self.console.print(renderable)

    def documents(self, name: str) -> Iterator[Document]:
        """Return the documents of an example, the forecast moved to the next night the clocks change."""
        known = {"resource", "workflow", "shared_workspace"}
        for document in headed((self.examples / name).read_text(), known):
            schedule = document.fields.get("schedule")
            if schedule:
                night = clocks_change(datetime.now(UTC) + AHEAD)
                schedule["start"] = f"{night - timedelta(days=2):%Y-%m-%dT00:00:00}"
                schedule["end"] = f"{night + timedelta(days=2):%Y-%m-%dT00:00:00}"
            yield document

    async def save(self, player: Player, document: Document) -> str:
        """Save one document and return the id of the message."""
        return await self.call(player, document.kind, document.id, "save", document.fields)

    async def call(self, player: Player, kind: str, id: str, verb: str, body: dict[str, Any]) -> str:
        """Say a command that must be done, and return the id of the message."""
        assert player.client is not None
        message = uuid.uuid4().hex
        outcome = await player.client.call((kind, id, verb), body, message=message)
        if outcome.status != "done":
            raise Unexpected(f"{player.name}: {kind} {id} {verb}: {outcome.code} {outcome.detail}")
        self.console.print(
            f"  [dim]{player.name}:[/] {kind} {id} {verb}: {outcome.status}, version {outcome.version}"
        )
        return message

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


async def meet(story: Story) -> None:
    """Let the three become peers, and fill their catalogues."""
    story.title("Three organisations meet by invitation")
    await introduce(story.centre, story.laboratory)
    await introduce(story.observatory, story.laboratory)
    story.check(True, "keys are pinned on both sides; each reads only what the other says to it")
    for player, name in ((story.centre, "centre.yaml"), (story.observatory, "observatory.yaml")):
        for document in story.documents(name):
            await story.save(player, document)
    catalogue = await story.laboratory.until(
        lambda: story.laboratory.items("resource"), lambda items: len(items) == 2, "the catalogue"
    )
    named = {one["id"] for one in catalogue}
    story.check(
        named == {"centre/hpc", "observatory/grib"}, f"the laboratory's catalogue: {sorted(named)}", named
    )


async def plan(story: Story) -> None:
    """Save the forecast, and see everything that follows from it."""
    story.title("One message plans everything: laboratory saves the nightly forecast")
    message = ""
    for document in story.documents("laboratory.yaml"):
        sent = await story.save(story.laboratory, document)
        message = sent if document.kind == "workflow" else message
        if document.kind == "workflow":
            await story.settled(document.id, "scheduled")
    await story.settled("forecast", "scheduled")
    executions = await story.laboratory.until(
        lambda: story.laboratory.items("execution", workflow="forecast", order="at"),
        lambda items: len(items) == NIGHTS and all(one["state"] == "scheduled" for one in items),
        "the executions to be scheduled",
    )
    told = await story.laboratory.ask("node", "trace", id=message)
    rows = trace.timed(told["messages"], trace.parents(told["node"], told["messages"]))
    story.show(trace.drawn(told["node"], rows, is_brief=True))
    story.show(planned(executions, PARIS))
    nights = [datetime.fromisoformat(one["start"]).astimezone(PARIS) for one in executions]
    story.check(len({night.utcoffset() for night in nights}) == 2, "the clocks change between the nights")
    slots = await story.slots("forecast")
    times = {one["start"] for one in executions}
    story.check(
        {slot["start"] for slot in slots} == times, f"the centre booked all {len(slots)} of them", slots
    )
    story.check(all(slot["state"] == "scheduled" for slot in slots), "each is confirmed", slots)
    found = await story.laboratory.ask("workspace", "get", id="forecast_ws")
    story.check(found["name"] == "Nightly forecast_workspace", "the workflow has its workspace", found)
    story.show(calendar(await story.slots(), CAPACITY, PARIS, HOURS))


async def share(story: Story) -> None:
    """See the copies at the observatory."""
    story.title("A shared workspace carries copies to the observatory")
    for kind, id in (("shared_workspace", "storms"), ("workspace", "forecast_ws"), ("workflow", "forecast")):
        copies = await story.observatory.until(
            lambda kind=kind: story.observatory.items(kind, owner="laboratory"),  # type: ignore[misc]
            lambda items: len(items) == 1,
            f"the copy of {kind} {id}",
        )
        story.check(
            copies[0]["id"] == f"laboratory/{id}", f"the observatory holds {kind} laboratory/{id}", copies
        )
    own = await story.observatory.items("execution")
    story.check(own == [], "a copy does not plan: no executions there", own)


async def collide(story: Story) -> None:
    """Refuse a workflow that wants what is taken, with alternatives."""
    story.title("A second workflow wants both units at the same hour: refused, with alternatives")
    before = await story.slots()
    await story.call(story.laboratory, "workflow", "hindcast", "save", _variant(story, "Hindcast", units=2))
    found = await story.settled("hindcast", "refused")
    (refusal,) = found["refusals"]
    story.console.print(
        f"  [red]{refusal['code']}[/] by {refusal['owner']}/{refusal['resource'].rpartition('/')[2]}"
    )
    for conflict in refusal["conflicts"][:2]:
        story.console.print(
            f"    {conflict['start']} is taken {conflict['busy_start']} to {conflict['busy_end']}"
        )
    for free in refusal["nearest"]:
        story.console.print(f"    free: {free['start']} to {free['end']}")
    story.check(
        refusal["code"] == "booking_refused", "the outcome names owner, resource and interval", refusal
    )
    story.check(len(refusal["nearest"]) > 0, "and the nearest free times", refusal)
    story.check(await story.slots() == before, "nothing of it remains at the centre")
    left = await story.laboratory.until(
        lambda: story.laboratory.items("execution", workflow="hindcast"),
        lambda items: not items,
        "no executions",
    )
    story.check(left == [], "nor at the laboratory")


async def crash(story: Story) -> None:
    """Kill the centre while a third workflow is planned."""
    story.title("The centre is killed (kill -9) while a third workflow is planned")
    await story.centre.kill()
    story.console.print("  [dim]centre:[/] killed")
    fields = _variant(story, "Nowcast", units=1)
    await story.call(story.laboratory, "workflow", "nowcast", "save", fields)
    found = await story.settled("nowcast", "planning")
    story.check(
        found["waiting"] == ["centre"], "the plan waits for the centre, and says so", found["waiting"]
    )
    backlog = await story.laboratory.ask("peer", "backlog", id="centre")
    story.console.print(
        f"  [dim]laboratory:[/] {backlog['unacknowledged']} messages wait, oldest {backlog['oldest_at']}"
    )
    await story.centre.start()
    story.console.print("  [dim]centre:[/] started again on the same data")
    await story.settled("nowcast", "scheduled")
    slots = await story.slots("nowcast")
    story.check(len(slots) == NIGHTS, "the centre is back and the plan completes", slots)
    story.check(len(await story.slots("forecast")) == NIGHTS, "nothing that it had acknowledged is lost")
    story.show(calendar(await story.slots(), CAPACITY, PARIS, HOURS))


async def move(story: Story) -> None:
    """Move the schedule of the forecast."""
    story.title("An update moves the schedule: make before break")
    (document,) = (one for one in story.documents("laboratory.yaml") if one.kind == "workflow")
    document.fields["schedule"]["cron"] = "0 15 5 * * *"
    await story.save(story.laboratory, document)
    hours = await story.centre.until(
        lambda: story.slots("forecast"),
        lambda slots: {_local_time(slot) for slot in slots} == {"05:15"},
        "the moved bookings",
    )
    story.check(len(hours) == NIGHTS, "the old slots are gone, the new ones are booked", hours)
    await story.settled("forecast", "scheduled")
    executions = await story.laboratory.until(
        lambda: story.laboratory.items("execution", workflow="forecast"),
        lambda items: len(items) == NIGHTS and {_local_time(one) for one in items} == {"05:15"},
        "the moved executions",
    )
    story.check(all(one["state"] == "scheduled" for one in executions), "so are the executions", executions)
    copy = await story.observatory.until(
        lambda: story.observatory.ask("workflow", "get", id="laboratory/forecast"),
        lambda one: one["schedule"]["cron"] == "0 15 5 * * *",
        "the new copy",
    )
    story.check(copy["owner"] == "laboratory", "the observatory's copy follows")
    story.show(calendar(await story.slots(), CAPACITY, PARIS, HOURS))


async def delete(story: Story) -> None:
    """Delete everything, and look for what is left."""
    story.title("A delete leaves nothing behind")
    await story.call(story.laboratory, "shared_workspace", "storms", "delete", {})
    for id in ("forecast", "nowcast", "hindcast"):
        await story.call(story.laboratory, "workflow", id, "delete", {})
    empty: Callable[[Any], bool] = lambda found: found == []  # noqa: E731  # read five times below
    await story.centre.until(story.slots, empty, "an empty book")
    story.check(True, "no booking is left at the centre")
    for kind in ("execution", "workspace", "workflow"):
        await story.laboratory.until(lambda kind=kind: story.laboratory.items(kind), empty, f"no {kind}")  # type: ignore[misc]
        story.check(True, f"no {kind} is left at the laboratory")
    for kind in ("workflow", "workspace", "shared_workspace"):
        await story.observatory.until(
            lambda kind=kind: story.observatory.items(kind, owner="laboratory"),  # type: ignore[misc]
            empty,
            f"no copy of a {kind}",
        )
    story.check(True, "no copy is left at the observatory")


ACTS = (meet, plan, share, collide, crash, move, delete)


def clocks_change(after: datetime) -> datetime:
    """Return midnight of the first day after an instant on which Paris changes its clocks."""
    day = after.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for _ in range(366):
        next_day = day + timedelta(days=1)
        if day.replace(tzinfo=PARIS).utcoffset() != next_day.replace(tzinfo=PARIS).utcoffset():
            return day
        day = next_day
    raise Unexpected("Paris does not change its clocks any more")


def _variant(story: Story, name: str, *, units: int) -> dict[str, Any]:
    (document,) = (one for one in story.documents("laboratory.yaml") if one.kind == "workflow")
    document.fields["name"] = name
    document.fields["graph"]["items"]["cluster"]["units"] = units
    return document.fields


def _local_time(one: dict[str, Any]) -> str:
    return f"{datetime.fromisoformat(one['start']).astimezone(PARIS):%H:%M}"


def examples() -> Path:
    """Return where the examples are: beside the packages in a checkout, inside this one when installed."""
    installed = Path(str(files("cli.demo"))) / "examples"
    return installed if installed.exists() else installed.parents[2] / "examples"
