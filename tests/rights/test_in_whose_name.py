"""What a run does, it does in the name of who saved its version: over a real server, whoever begins it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from messages import subjects
from tests.flow.driver import workflow as definition
from tests.jobs.local import calling, job, program
from tests.nodes import Operator, one_node
from tests.rights.people import Person, enrolled, give

CHILD = "- child: {run: {workflow: {namespace: a, name: below, version: '1.0.0'}}}"
CHOSEN = "- child: {run: {workflow: {namespace: a, name: '${ .which }', version: '1.0.0'}}}"
PLAIN = "- one: {set: {done: true}}"
ACTIONS = ("save", "launch", "read", "promote", "roll_back", "fork")


class Lab:
    """A node with a workflow ``below``, and two people who may save and launch what is in ``storms``."""

    def __init__(self, operator: Operator, alice: Person, bob: Person) -> None:
        self.operator, self.alice, self.bob = operator, alice, bob

    async def save(self, who: Person, id: str, text: str, **more: Any) -> Any:
        said = {"name": id, "perimeters": ["storms"], "definition": definition(text), **more}
        return await who.call("workflow", id, "save", **said)

    async def launch(self, who: Person, id: str, **work: Any) -> str:
        outcome = await who.call("workflow", id, "launch", input=work)
        assert outcome["status"] == "done", outcome
        return str(outcome["extra"]["run"])

    async def end(self, run: str) -> str:
        """Return what a run has ended with: ``success``, or the last word of its error."""
        told = await self.operator.becomes(
            lambda: self.operator.ask("run", "get", run),
            lambda one: one.get("status") in ("success", "failure"),
        )
        if told["status"] == "failure":
            assert told["error"]["instance"] == "/do/0/child"
        return "success" if told["error"] is None else str(told["error"]["type"].rsplit("/")[-1])


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with one_node(tmp_path / "lab", "lab") as operator:
        await operator.done("perimeter", "storms", "save")
        await operator.done("workflow", "below", "save", name="Below", definition=definition(PLAIN))
        people = [await enrolled(operator, tmp_path, one) for one in ("alice", "bob")]
        for one in ("alice", "bob"):
            await give(operator, f"user/{one}", "lab.storms", *ACTIONS)
        yield Lab(operator, *people)


async def take(operator: Operator, to: str) -> None:
    """Take all grants of somebody back that are about a single entity."""
    for one in await operator.items("grant"):
        if one["to"] == to and one["perimeter"] != "lab.storms":
            await operator.done("grant", one["id"], "delete")


async def test_who_may_save_and_launch_one_workflow_runs_no_other_by_it(lab: Lab) -> None:
    refused = await lab.save(lab.bob, "top", CHILD)
    assert (refused["code"], refused["at"]) == ("not_granted", "/definition/do/0/child/run/workflow/name")
    assert "covey grant give bob lab.workflow.below launch" in refused["detail"]
    assert await lab.operator.items("workflow", name="top") == []

    await give(lab.operator, "user/alice", "lab.workflow.below", "launch")
    assert (await lab.save(lab.alice, "top", CHILD))["status"] == "done"
    assert await lab.end(await lab.launch(lab.bob, "top")) == "success"
    changed = await lab.save(lab.bob, "top", f"{CHILD}\n{PLAIN}")
    assert changed["code"] == "not_granted"


async def test_what_is_taken_back_is_not_done_any_more_until_another_saves_it(lab: Lab) -> None:
    await give(lab.operator, "user/alice", "lab.workflow.below", "launch")
    await lab.save(lab.alice, "top", CHILD)
    await take(lab.operator, "user/alice")

    assert await lab.end(await lab.launch(lab.bob, "top")) == "authorization"
    assert (await lab.save(lab.bob, "top", CHILD))["events"] == []
    await give(lab.operator, "user/bob", "lab.workflow.below", "launch")
    await lab.save(lab.bob, "top", CHILD)
    told = await lab.operator.ask("workflow", "versions", "top")
    assert [one["author"] for one in told["versions"]] == ["user/alice", "user/bob"]
    assert await lab.end(await lab.launch(lab.alice, "top")) == "success"
    key = lab.bob.key.public
    await lab.operator.done("user", "bob", "save", public_key=key, active=False)
    assert await lab.end(await lab.launch(lab.alice, "top")) == "authorization"


async def test_who_launches_chooses_nothing_that_he_may_not_himself(lab: Lab) -> None:
    await give(lab.operator, "user/alice", "lab.workflow.below", "launch")
    assert (await lab.save(lab.alice, "top", CHOSEN))["status"] == "done"

    assert await lab.end(await lab.launch(lab.alice, "top", which="below")) == "success"
    assert await lab.end(await lab.launch(lab.bob, "top", which="below")) == "authorization"
    await give(lab.operator, "user/bob", "lab.workflow.below", "launch")
    assert await lab.end(await lab.launch(lab.bob, "top", which="below")) == "success"
    await take(lab.operator, "user/alice")
    assert await lab.end(await lab.launch(lab.bob, "top", which="below")) == "authorization"


async def test_nobody_chooses_by_way_of_another_workflow(lab: Lab) -> None:
    await give(lab.operator, "user/alice", "lab.workflow.below", "launch")
    await lab.save(lab.alice, "chooser", CHOSEN)
    through = (
        "- child: {run: {workflow: {namespace: a, name: chooser, version: '1.0.0', input: {which: below}}}}"
    )
    assert (await lab.save(lab.bob, "through", through))["status"] == "done"

    assert await lab.end(await lab.launch(lab.alice, "through")) == "authorization"
    await give(lab.operator, "user/bob", "lab.workflow.below", "launch")
    assert await lab.end(await lab.launch(lab.alice, "through")) == "success"


async def test_what_a_trigger_begins_is_done_in_the_name_of_the_saver_alone(lab: Lab) -> None:
    await give(lab.operator, "user/alice", "lab.workflow.below", "launch")
    wanted = [{"type": "event", "id": "it", "with": {"type": "storm"}}]
    assert (await lab.save(lab.alice, "top", CHILD, triggers=wanted))["status"] == "done"

    async def storm(id: str) -> str:
        body = {"specversion": "1.0", "id": id, "source": "/test", "type": "storm"}
        headers = {"content-type": "application/cloudevents+json"}
        subject = subjects.incoming("lab", "storms")
        await lab.operator.bus.request(subject, msgspec.json.encode(body), headers, 30)
        begun = await lab.operator.event("run.begun", trigger="event", input={**body})
        assert (begun["author"], begun["by"], begun["given_by"]) == ("user/alice", "operator", [])
        return str(begun["run"])

    assert await lab.end(await storm("1")) == "success"
    await take(lab.operator, "user/alice")
    assert await lab.end(await storm("2")) == "authorization"


async def test_a_job_is_run_in_the_name_of_who_saved_the_workflow(lab: Lab) -> None:
    id = await job(lab.operator, await program(lab.operator), "print('done')")
    said = {"name": "top", "perimeters": ["storms"], "definition": calling(id)}

    refused = await lab.bob.call("workflow", "top", "save", **said)
    assert (refused["code"], refused["at"]) == ("not_granted", "/definition/do/0/make/with/job")
    await give(lab.operator, "user/bob", f"lab.job.{id}", "run")
    assert (await lab.bob.call("workflow", "top", "save", **said))["status"] == "done"
    run = await lab.launch(lab.alice, "top")
    assert (await lab.operator.event("run.succeeded", run))["output"]["stdout"] == "done\n"


async def test_a_fork_does_what_who_forks_may_have_done(lab: Lab) -> None:
    await give(lab.operator, "user/alice", "lab.workflow.below", "launch")
    await lab.save(lab.alice, "top", CHILD)

    refused = await lab.bob.call("workflow", "top", "fork", into="mine", name="Mine")
    assert refused["code"] == "not_granted"
    assert (await lab.alice.call("workflow", "top", "fork", into="mine", name="Mine"))["status"] == "done"
    assert (await lab.operator.event("workflow.saved", "mine"))["author"] == "user/alice"


async def test_a_promotion_is_of_who_promotes_and_so_is_the_way_back(lab: Lab) -> None:
    await lab.operator.done("environment", "prod", "create")
    await lab.operator.done("environment", "prod", "set_policy", follows=["main"])
    await lab.operator.call("workflow", "below", "promote", to="prod")
    await lab.operator.event("promotion.arrived")
    await give(lab.operator, "user/alice", "lab.workflow.below", "launch")
    await lab.save(lab.alice, "top", CHILD)

    async def promoted(who: Person) -> Any:
        id = (await who.call("workflow", "top", "promote", to="prod"))["extra"]["promotion"]
        return await lab.operator.becomes(
            lambda: lab.operator.ask("promotion", "get", id),
            lambda one: one.get("status") in ("refused", "deployed"),
        )

    told = await promoted(lab.bob)
    (wrong,) = [one for one in told["checks"] if not one["is_met"]]
    assert (told["status"], wrong["what"], wrong["name"]) == ("refused", "right", "user/bob")
    assert wrong["at"] == "/definition/do/0/child/run/workflow/name"
    assert (await promoted(lab.alice))["status"] == "deployed"
    versions = (await lab.operator.ask("workflow", "versions", "top-prod"))["versions"]
    assert [one["author"] for one in versions] == ["user/alice"]

    await lab.save(lab.alice, "top", PLAIN)
    second = await promoted(lab.bob)
    back = await lab.bob.call("promotion", second["id"], "roll_back")
    assert (back["code"], back["extra"]["faults"][0]["at"]) == ("not_granted", wrong["at"])
    await lab.alice.call("promotion", second["id"], "roll_back")
    await lab.operator.event("promotion.rolled_back", second["id"])
    versions = (await lab.operator.ask("workflow", "versions", "top-prod"))["versions"]
    assert [one["author"] for one in versions] == ["user/alice", "user/bob", "user/alice"]
