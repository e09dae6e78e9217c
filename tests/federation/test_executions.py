"""A workflow generates its executions, which run, end, or are forgotten."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nats
import pytest

from tests.federation.stage import (
    at,
    executions,
    fresh,
    instant,
    nightly,
    once,
    planned,
    settled,
    soon,
    workflow,
)
from tests.nodes import Operator

pytestmark = pytest.mark.asyncio(loop_scope="module")

Times = list[tuple[int, float]]
"""Days from today on, each with hours."""


async def starts(node: Operator, id: str) -> list[Any]:
    return [instant(one["start"]) for one in await executions(node, id)]


async def spans(node: Operator, id: str) -> list[Any]:
    return [(instant(one["start"]), instant(one["end"])) for one in await executions(node, id)]


async def test_without_cron_there_is_one_execution_at_start(acme: Operator) -> None:
    start = at(2, hours=3)

    id = await planned(acme, schedule={"start": start.isoformat(), "duration": "PT45M"})

    (only,) = await executions(acme, id)
    assert (instant(only["start"]), instant(only["end"])) == (start, at(2, hours=3.75))
    assert (only["state"], only["code"], only["workflow"], only["bookings"]) == ("scheduled", 1, id, [])


CRONS: dict[str, tuple[dict[str, Any], Times]] = {
    "six_fields": ({"cron": "0 30 2 * * *"}, [(1, 2.5), (2, 2.5)]),
    "five_fields": ({"cron": "30 2 * * *"}, [(1, 2.5), (2, 2.5)]),
    "strictly_between": ({"cron": "0 0 0 * * *"}, [(2, 0)]),
    "with_the_start": ({"cron": "0 0 0 * * *", "inclusive_start": True}, [(1, 0), (2, 0)]),
    "an_rrule": ({"cron": None, "rrule": "RRULE:FREQ=HOURLY;INTERVAL=12;COUNT=3"}, [(1, 12), (2, 0)]),
}


@pytest.mark.parametrize("form", CRONS)
async def test_there_is_one_execution_an_instant(acme: Operator, form: str) -> None:
    rule, expected = CRONS[form]

    id = await planned(acme, schedule=nightly() | rule)

    assert await starts(acme, id) == [at(day, hours=hour) for day, hour in expected]


async def test_an_id_is_derived_from_workflow_and_instant(acme: Operator) -> None:
    id = await planned(acme)

    (first, _) = await executions(acme, id)

    assert first["id"] == f"{id}-{at(1):%Y%m%d}T023000Z"


async def test_a_skipped_local_time_fires_later_and_a_repeated_one_once(acme: Operator) -> None:
    paris = {"cron": "0 30 2 * * *", "zone": "Europe/Paris", "duration": "PT45M"}
    spring = await planned(acme, schedule={"start": "2028-03-26T00:00", "end": "2028-03-27T00:00", **paris})
    autumn = await planned(acme, schedule={"start": "2028-10-29T00:00", "end": "2028-10-30T00:00", **paris})

    (skipped,), (repeated,) = await starts(acme, spring), await starts(acme, autumn)

    assert f"{skipped:%H:%M}" == "01:00"  # there is no 02:30; the next valid instant is 03:00 in Paris
    assert f"{repeated:%H:%M}" in ("00:30", "01:30")


async def test_without_end_a_window_of_thirty_days_and_five_hundred_executions_is_planned(
    acme: Operator,
) -> None:
    daily = await planned(acme, schedule=nightly(end=None))
    often = await planned(acme, schedule=nightly(end=None, cron="0 */10 * * * *"))

    assert len(await executions(acme, daily)) == 30
    assert len(await executions(acme, often)) == 500


async def test_a_window_that_rolls_is_extended_before_its_last_execution(acme: Operator) -> None:
    each_second = {"start": soon(1), "cron": "* * * * * *", "duration": "PT1S", "window_days": 1}
    id = await planned(acme, schedule=each_second)
    history = (await acme.ask("workflow", "history", id))["events"]

    (plan,) = [event["body"] for event in history if event["type"] == "workflow.planned"]

    last = plan["slots"][-1]["start"]
    assert len(plan["slots"]) == 500
    assert instant(plan["slots"][0]["start"]) < instant(plan["more_at"]) < instant(last)


WRONG = {
    "the_start_is_not_before_the_end": nightly(end=at(1).isoformat()),
    "the_cron_is_bad": nightly(cron="0 99 2 * * *"),
    "the_cron_has_fewer_than_five_fields": nightly(cron="2 * * *"),
    "the_zone_is_unknown": nightly(zone="Mars/Olympus"),
}


@pytest.mark.parametrize("why", WRONG)
async def test_it_is_refused_and_nothing_stored_when(acme: Operator, why: str) -> None:
    id = fresh("wf")

    refused = await acme.call("workflow", id, "save", **workflow(id, schedule=WRONG[why]))

    assert (refused["status"], refused["code"]) == ("rejected", "invalid_schedule")
    assert refused["at"].startswith("/schedule/")
    assert (await acme.ask("workflow", "get", id))["code"] == "not_found"


async def test_a_start_that_is_past_is_stored_inactive_and_the_outcome_says_so(acme: Operator) -> None:
    id = fresh("wf")

    done = await acme.done("workflow", id, "save", **workflow(id, schedule=once(-60)))

    assert "past" in done["events"][0]["note"]
    found = await acme.ask("workflow", "get", id)
    assert (found["schedule_active"], found["plan"]) == (False, "none")
    assert await executions(acme, id) == []


CHANGES: dict[str, tuple[dict[str, Any], Times, float]] = {
    "start": ({"start": at(2).isoformat()}, [(2, 2.5)], 0.75),
    "end": ({"end": at(2).isoformat()}, [(1, 2.5)], 0.75),
    "cron": ({"cron": "0 0 5 * * *"}, [(1, 5), (2, 5)], 0.75),
    "zone": ({"zone": "Asia/Tokyo"}, [(1, 17.5), (2, 17.5)], 0.75),
    "duration": ({"duration": "PT2H"}, [(1, 2.5), (2, 2.5)], 2),
}


@pytest.mark.parametrize("field", CHANGES)
async def test_a_change_computes_the_executions_anew_of(acme: Operator, field: str) -> None:
    change, times, hours = CHANGES[field]
    id = await planned(acme)

    await acme.done("workflow", id, "save", **workflow(id, schedule=nightly() | change))

    wanted = [(at(day, hours=hour), at(day, hours=hour + hours)) for day, hour in times]
    await acme.becomes(lambda: spans(acme, id), lambda found: found == wanted)


@pytest.mark.parametrize("how", ["switched_off", "deleted"])
async def test_the_planned_ones_are_removed_when_it_is(acme: Operator, how: str) -> None:
    id = await planned(acme)

    if how == "deleted":
        await acme.done("workflow", id, "delete")
    else:
        await acme.done("workflow", id, "save", **workflow(id, schedule_active=False))

    await acme.becomes(lambda: executions(acme, id), lambda found: found == [])


async def test_what_has_started_or_ended_stays_as_it_was_with_its_version(acme: Operator) -> None:
    id = await planned(acme, schedule=nightly(3))
    running, ended, _ = await executions(acme, id)
    await acme.done("execution", running["id"], "start")
    await acme.done("execution", ended["id"], "start")
    await acme.done("execution", ended["id"], "succeed", result={"files": 3})

    await acme.done("workflow", id, "save", **workflow(id, schedule=nightly(3, hour=9), description="new"))

    after = await acme.becomes(lambda: executions(acme, id), lambda found: len(found) == 5)
    kept = {one["id"]: one for one in after if one["workflow_version"] == 1}
    assert {one: kept[one]["state"] for one in kept} == {running["id"]: "started", ended["id"]: "success"}
    assert kept[ended["id"]]["result"] == {"files": 3}


async def test_a_change_of_words_alone_leaves_the_executions_alone(acme: Operator) -> None:
    id = await planned(acme)
    before = await executions(acme, id)

    await acme.done("workflow", id, "save", **workflow(id, description="only words"))

    assert await executions(acme, id) == before


async def test_a_worker_takes_the_task_and_answers_with_plain_nats(acme: Operator) -> None:
    id = await planned(acme)
    (execution, _) = await executions(acme, id)
    client = await nats.connect(acme.endpoint.nats_url, nkeys_seed=acme.endpoint.nkey_seed_file)
    queue = await client.jetstream().pull_subscribe_bind(durable="execution", stream="TASK")
    await acme.done("execution", execution["id"], "start")

    run = await _take(queue, execution["id"])
    await client.publish(f"covey.acme.cmd.execution.{run['execution']}.succeed", b'{"result": {"rows": 7}}')

    await acme.event("execution.succeeded", execution["id"], result={"rows": 7})
    assert (run["workflow"], run["workflow_version"], run["key"]) == (id, 1, f"{execution['id']}.1")
    await client.close()


async def _take(queue: Any, execution: str) -> Any:
    """Take tasks until the one of an execution comes; those of other tests wait in the same queue."""
    async with asyncio.timeout(45):
        while True:
            for message in await queue.fetch(1, timeout=5):
                await message.ack()
                run = json.loads(message.data)
                if run["execution"] == execution:
                    return run


RUNS = {
    "succeeds": (["start", "succeed"], "success", 4),
    "fails": (["start", "fail"], "failure", 3),
    "is_cancelled_before_it_starts": (["cancel"], "cancelled", 7),
    "is_cancelled_while_it_runs": (["start", "cancel"], "cancelled", 7),
}


@pytest.mark.parametrize("how", RUNS)
async def test_an_execution_ends_when_it(acme: Operator, how: str) -> None:
    verbs, state, code = RUNS[how]
    (execution, _) = await executions(acme, await planned(acme))

    for verb in verbs:
        why = {"reason": "no disk"} if verb == "fail" else {}
        await acme.done("execution", execution["id"], verb, **why)
    again = await acme.done("execution", execution["id"], verbs[-1], **why)

    found = await acme.ask("execution", "get", execution["id"])
    assert (found["state"], found["code"], again.get("events", [])) == (state, code, [])
    assert found["ended_at"] is not None
    assert (await acme.call("execution", execution["id"], "start"))["code"] == "state_conflict"


async def test_a_workflow_that_runs_is_not_deleted_before_it_is_cancelled(acme: Operator) -> None:
    id = await planned(acme)
    (execution, _) = await executions(acme, id)
    await acme.done("execution", execution["id"], "start")
    await acme.event("workflow.execution_noted", id, state="started")

    refused = await acme.call("workflow", id, "delete")
    await acme.done("execution", execution["id"], "cancel")
    await acme.event("workflow.execution_noted", id, state="cancelled")

    assert (refused["code"], refused["extra"]["executions"]) == ("started", [execution["id"]])
    await acme.done("workflow", id, "delete")


async def test_what_has_not_started_after_its_grace_is_forgotten_by_alarm(acme: Operator) -> None:
    id = await planned(acme, schedule=once(0.8, grace="PT0.1S"))
    (execution,) = await executions(acme, id)

    await acme.event("execution.forgotten", execution["id"])

    (found,) = await acme.items("execution", workflow=id, state="forgotten")
    assert found["code"] == 5
    await acme.event("workflow.execution_noted", id, state="forgotten")


async def test_the_grace_is_sixty_seconds_unless_told_otherwise(acme: Operator) -> None:
    id = await planned(acme)
    (execution, _) = await executions(acme, id)

    history = (await acme.ask("execution", "history", execution["id"]))["events"]

    assert history[-1]["body"]["grace_seconds"] == 60


async def test_nobody_but_the_workflow_plans_an_execution(acme: Operator) -> None:
    id = fresh("run")

    refused = await acme.call("execution", id, "remove", generation=1)

    assert refused["code"] == "not_granted"
    assert await settled(acme, await planned(acme), "scheduled")
