"""The third act: a workflow runs, its node is killed meanwhile, and runs are planned by a schedule."""

from __future__ import annotations

import difflib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from cli.demo.flight import Flight
from cli.demo.promote import promote
from cli.demo.stage import introduce, stage
from cli.demo.story import documents
from cli.demo.weather import FAILURES, FLAKY, WINDS, weather

NAMES = ("laboratory", "centre")
WORDS = ("--allow-egress", "127.0.0.0/8", "--http", "0")
STRONGEST = max(WINDS.values())
REPORT = {"grade": "storm", "wind": STRONGEST}
SCHEDULED_SECONDS = 3
CALMER = 40
"""The second version of the workflow calls it a storm from this wind on."""


async def play(directory: Path, console: Console, checks: list[str]) -> None:
    """Play all scenes in a directory."""
    console.print("Starting two nodes, and three weather stations, one of which is flaky …")
    async with weather() as stations, stage(directory, *NAMES, words=WORDS) as (laboratory, centre):
        story = Flight(console, checks, laboratory, centre, stations)
        for scene in SCENES:
            await scene(story)


async def save(story: Flight) -> None:
    """Save the workflows, and make the table of the database."""
    story.title("A workflow asks all stations, waits, has a child judge the wind, and writes into a database")
    for document in documents("workflows/demo-storm.yaml"):
        await story.save(story.laboratory, document)
    told = await story.laboratory.ask("workflow", "versions", id="report")
    story.check(told["current"] == 1, "its definition is version 1", told)
    story.database.parent.mkdir()
    with closing(sqlite3.connect(story.database)) as database:
        database.execute("CREATE TABLE reports (grade TEXT, wind INTEGER)")


async def crash(story: Flight) -> None:
    """Have it run, and kill the node in the middle."""
    story.title("A request over HTTP begins it; its node is killed (kill -9) in the middle")
    told = await story.post("/reports", {"server": story.stations.url, "stations": list(WINDS)})
    run = told["run"]
    await story.follow(run, until="run.waiting", pointer="/do/1/settle")
    asked = story.stations.asked.copy()
    story.check(asked[FLAKY] == FAILURES + 1, f"{FLAKY} has failed {FAILURES} times and then answered", asked)
    await story.laboratory.kill()
    story.aside("laboratory", "killed")
    await story.laboratory.start()
    story.aside("laboratory", "started again on the same data")
    await story.follow(run)
    ended = await story.laboratory.ask("run", "get", id=run)
    story.check(ended["status"] == "success", "the run has ended as if nothing had happened", ended)
    story.check(ended["output"] == REPORT, f"the strongest wind is {STRONGEST}: a storm", ended["output"])
    story.check(story.stations.asked == asked, "no station was asked again", story.stations.asked)
    story.check(story.rows() == [tuple(REPORT.values())], "the database has the report, once", story.rows())
    (child,) = await story.laboratory.items("run", workflow="grade")
    story.check(child["status"] == "success", "the child workflow has a run of its own", child)


async def change(story: Flight) -> None:
    """Make a second version, look at what is different, and go back."""
    story.title("Versions: a second one, what is different, and back")
    document = next(one for one in documents("workflows/demo-storm.yaml") if one.id == "grade")
    document.fields["definition"]["do"][0]["strong"]["switch"][0]["storm"]["when"] = (
        f"${{ .wind >= {CALMER} }}"
    )
    await story.save(story.laboratory, document)
    lines = await _different(story, 1, 2)
    for line in lines:
        story.aside("diff", line)
    story.check(len(lines) == 2, "one line is different", lines)
    await _judged(story, "grade-2", "calm", 2)
    await story.call(story.laboratory, ("workflow", "grade", "roll_back"), {"version": 1})
    await _judged(story, "grade-3", "storm", 3)
    story.check(await _different(story, 1, 3) == [], "version 3 is version 1 again; both are kept")


async def plan(story: Flight) -> None:
    """Plan a run on the cluster of the other node, some seconds ahead."""
    story.title("A schedule plans a run on the centre's cluster: it runs by itself at its time")
    await introduce(story.centre, story.laboratory)
    cluster = next(documents("centre.yaml"))
    await story.save(story.centre, cluster)
    await story.laboratory.until(
        lambda: story.laboratory.items("resource"), lambda items: len(items) == 1, "the catalogue"
    )
    at = (datetime.now(UTC) + timedelta(seconds=SCHEDULED_SECONDS)).replace(microsecond=0)
    await _schedule(story, at)
    booked = await story.centre.until(
        lambda: story.centre.ask("booking", "get", id="hpc"), lambda one: one["slots"], "the booking"
    )
    (slot,) = booked["slots"]
    story.aside("centre", f"{slot['start']} to {slot['end']} is booked")
    story.check(slot["workflow"].endswith("nightly"), "the centre has booked its time", slot)
    (execution,) = await story.laboratory.until(
        lambda: story.laboratory.items("execution", workflow="nightly"),
        lambda items: items and items[0]["state"] == "success",
        "the end of the execution",
    )
    late = (datetime.fromisoformat(execution["started_at"]) - at).total_seconds()
    story.aside("laboratory", f"it has begun {late * 1000:.0f} ms after its time")
    story.check(0 <= late < 1, "it has begun by itself at its time", execution)
    story.check(execution["result"] == {"grade": "storm"}, "and has its result", execution)


SCENES = (save, crash, change, promote, plan)


async def _judged(story: Flight, run: str, grade: str, version: int) -> None:
    await story.launch("grade", run, {"wind": STRONGEST})
    told = await story.laboratory.ask("run", "wait", id=run)
    found = await story.laboratory.ask("run", "get", id=run)
    seen = (told["output"], found["workflow_version"])
    story.check(seen == ({"grade": grade}, version), f"by version {version} it is: {grade}", (told, found))


async def _different(story: Flight, one: int, other: int) -> list[str]:
    """Return the lines that differ between two versions of the workflow that judges."""
    before, after = [await _text(story, number) for number in (one, other)]
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


async def _text(story: Flight, number: int) -> list[str]:
    told = await story.laboratory.ask("workflow", "version", id="grade", number=number)
    return yaml.safe_dump(told["definition"], sort_keys=False).splitlines()


async def _schedule(story: Flight, at: datetime) -> None:
    grade = next(one for one in documents("workflows/demo-storm.yaml") if one.id == "grade")
    definition: dict[str, Any] = grade.fields["definition"]
    definition["do"].insert(0, {"given": {"set": {"wind": STRONGEST}}})
    fields = {
        "name": "Nightly grade",
        "definition": definition,
        "resources": {"compute": ["centre/hpc"]},
        "graph": {"items": {"cluster": {"resource": "centre/hpc"}}},
        "schedule": {"start": at.isoformat().replace("+00:00", "Z"), "duration": "PT10M"},
        "schedule_active": True,
    }
    await story.call(story.laboratory, ("workflow", "nightly", "save"), fields)
