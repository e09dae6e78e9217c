"""The workflow of the specification, and those who answer it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from actors.actor import ById, Need, Summary
from actors.workflow.workflow import ACTOR
from messages.booking_answers import Confirmed, Held, HoldRefused
from messages.copies import copy_id
from messages.execution import Plan, Remove, Schedule
from messages.workflow import Save
from tests.actors.entity import AT, NODE, Entity, Said

OWN = {"wrf": "processing", "scratch": "storage", "local": "compute", "grib": "data"}
FOREIGN = {"centre/hpc": "compute", "observatory/gpu": "compute"}
SCHEDULE = {
    "start": "2026-10-24T00:00:00",
    "end": "2026-10-28T00:00:00",
    "cron": "0 30 2 * * *",
    "zone": "Europe/Paris",
    "duration": "PT45M",
}
ALL = ["20261024T003000Z", "20261025T003000Z", "20261026T013000Z", "20261027T013000Z"]
"""The executions of the schedule: winter time begins on the 25th."""
HPC, GPU, LOCAL = "centre/hpc", "observatory/gpu", "lab/local"
EARLIER = {"end": "2026-10-26T00:00:00"}
"""The change of schedule that leaves the first two executions."""
OTHER = {"cron": "0 0 12 * * *"}
NOONS = ["20261024T100000Z", "20261025T110000Z", "20261026T110000Z", "20261027T110000Z"]


def catalogue() -> dict[Need, Summary]:
    own: dict[Need, Summary] = {
        ById("resource", id): Summary(fields={"type": type_}) for id, type_ in OWN.items()
    }
    foreign: dict[Need, Summary] = {
        ById("copy", copy_id(node, "resource", id)): Summary(fields={"type": type_}, shown_as="resource")
        for (node, _, id), type_ in ((key.partition("/"), type_) for key, type_ in FOREIGN.items())
    }
    return {**own, **foreign}


def graph(*computes: str) -> dict[str, Any]:
    """Draw one processing that runs on these computes."""
    items = {"model": {"resource": "wrf"}} | {
        one.replace("/", "-"): {"resource": one, "units": 2} for one in computes
    }
    links = [{"source": "model", "destination": one.replace("/", "-")} for one in computes]
    return {"items": items, "links": links}


def save(*computes: str, schedule: dict[str, Any] | None = None, **changes: Any) -> Save:
    """Save the forecast, on these computes, with changes to its schedule."""
    body = {"name": "Forecast", "schedule": SCHEDULE | (schedule or {}), "schedule_active": True}
    drawn = {"graph": graph(*computes)} if computes else {}
    return msgspec.convert(body | drawn | changes, Save)


def workflow(*said: Save) -> Entity:
    entity = Entity(ACTOR, "f", known=catalogue())
    for command in said:
        entity.say(command)
    return entity


def held(resource: str, generation: int = 1, *skipped: str) -> Held:
    return Held(resource=resource, generation=generation, skipped=skipped)


def confirmed(resource: str, generation: int = 1) -> Confirmed:
    return Confirmed(resource=resource, generation=generation)


def refused(resource: str, generation: int = 1) -> HoldRefused:
    return HoldRefused(resource=resource, generation=generation, code="already_booked", detail="taken")


def by(entity: Entity, answer: Any) -> Said:
    """Have the owner of the resource say it."""
    node = answer.resource.partition("/")[0]
    return entity.say(answer) if node == NODE else entity.by_peer(node, answer)


def agree(entity: Entity, generation: int, *resources: str) -> Said:
    """Have all owners hold and confirm a plan."""
    answers = [*(held(one, generation) for one in resources)]
    answers_then = [confirmed(one, generation) for one in resources]
    return [by(entity, answer) for answer in (*answers, *answers_then)][-1]


def standing(*computes: str) -> Entity:
    """Return a workflow whose first plan stands at these computes (``node/id``)."""
    entity = workflow(save(*(one.removeprefix(f"{NODE}/") for one in computes)))
    agree(entity, 1, *computes)
    return entity


def ids(orders: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the instants of the executions that are addressed."""
    return sorted(to.removeprefix("execution.f-") for to, _ in orders)


def drafted(said: Said) -> list[str]:
    return ids(said.orders(Plan))


def scheduled(said: Said) -> list[str]:
    return ids(said.orders(Schedule))


def removed(said: Said) -> list[str]:
    return ids(said.orders(Remove))


def day(number: int, hour: int = 0) -> datetime:
    return AT + timedelta(days=number - AT.day, hours=hour)
