"""The first act: an observatory, a laboratory and a computing centre plan together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from cli import trace
from cli.demo.picture import calendar, planned
from cli.demo.plot import PARIS, Plot, local_time
from cli.demo.stage import introduce, stage

NAMES = ("observatory", "laboratory", "centre")
NIGHTS = 4
HOURS = range(1, 8)
CAPACITY = 2


async def play(directory: Path, console: Console, checks: list[str]) -> None:
    """Play all scenes in a directory."""
    console.print("Starting three nodes, each a process with a NATS server of its own …")
    async with stage(directory, *NAMES) as (observatory, laboratory, centre):
        plot = Plot(console, checks, observatory, laboratory, centre)
        for scene in SCENES:
            await scene(plot)


async def meet(story: Plot) -> None:
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


async def plan(story: Plot) -> None:
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


async def share(story: Plot) -> None:
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


async def collide(story: Plot) -> None:
    """Refuse a workflow that wants what is taken, with alternatives."""
    story.title("A second workflow wants both units at the same hour: refused, with alternatives")
    before = await story.slots()
    await story.plan_variant("hindcast", "Hindcast", units=2)
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


async def crash(story: Plot) -> None:
    """Kill the centre while a third workflow is planned."""
    story.title("The centre is killed (kill -9) while a third workflow is planned")
    await story.centre.kill()
    story.aside("centre", "killed")
    await story.plan_variant("nowcast", "Nowcast", units=1)
    found = await story.settled("nowcast", "planning")
    story.check(
        found["waiting"] == ["centre"], "the plan waits for the centre, and says so", found["waiting"]
    )
    backlog = await story.laboratory.ask("peer", "backlog", id="centre")
    waiting = f"{backlog['unacknowledged']} messages wait, oldest {backlog['oldest_at']}"
    story.aside("laboratory", waiting)
    await story.centre.start()
    story.aside("centre", "started again on the same data")
    await story.settled("nowcast", "scheduled")
    slots = await story.slots("nowcast")
    story.check(len(slots) == NIGHTS, "the centre is back and the plan completes", slots)
    story.check(len(await story.slots("forecast")) == NIGHTS, "nothing that it had acknowledged is lost")
    story.show(calendar(await story.slots(), CAPACITY, PARIS, HOURS))


async def move(story: Plot) -> None:
    """Move the schedule of the forecast."""
    story.title("An update moves the schedule: make before break")
    document = story.forecast()
    document.fields["schedule"]["cron"] = "0 15 5 * * *"
    await story.save(story.laboratory, document)
    hours = await story.centre.until(
        lambda: story.slots("forecast"),
        lambda slots: {local_time(slot) for slot in slots} == {"05:15"},
        "the moved bookings",
    )
    story.check(len(hours) == NIGHTS, "the old slots are gone, the new ones are booked", hours)
    await story.settled("forecast", "scheduled")
    executions = await story.laboratory.until(
        lambda: story.laboratory.items("execution", workflow="forecast"),
        lambda items: len(items) == NIGHTS and {local_time(one) for one in items} == {"05:15"},
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


async def delete(story: Plot) -> None:
    """Delete everything, and look for what is left."""
    story.title("A delete leaves nothing behind")
    await story.call(story.laboratory, ("shared_workspace", "storms", "delete"), {})
    for id in ("forecast", "nowcast", "hindcast"):
        await story.call(story.laboratory, ("workflow", id, "delete"), {})
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


SCENES = (meet, plan, share, collide, crash, move, delete)
