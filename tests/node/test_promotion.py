"""A workflow goes from one environment to the next, while it runs, and back; a shortcut is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.calls.served import Site, serving
from tests.environments import connect, keep, leaks, make
from tests.node.serving import document, post
from tests.nodes import Operator, one_node
from tests.rights.people import enrolled, give
from tests.workers.running import Held, end_of

SECRET = "pl4ntedS3cretQ7"
STAGES = ("dev", "staging", "prod")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture
async def node(tmp_path: Path, site: Site) -> AsyncIterator[Operator]:
    async with one_node(tmp_path / "lab", "lab", http="0", allow_egress=(site.allowance,)) as node:
        for before, stage in zip((None, *STAGES), STAGES, strict=False):
            await make(node, stage, follows=[before] if before else [])
        yield node


def asks(what: str, **more: Any) -> dict[str, Any]:
    given = {"method": "post", "endpoint": "connection://api/orders", **more}
    task = {"call": "http", "with": {**given, "headers": {"X-Key": "${ $secrets.key }"}}}
    return document([{"ask": task}, {"told": {"set": {"what": what, "region": "${ $vars.region }"}}}])


async def furnish(node: Operator, site: Site, stage: str) -> None:
    await keep(node, "key", f"{SECRET}-{stage}", stage)
    await node.done("environment", stage, "set_variable", name="region", value=stage)
    assert (await connect(node, stage, "api", "http", f"{site.url}/{stage}"))["status"] == "done"


async def promote(node: Operator, workflow: str, to: str, **more: Any) -> Any:
    outcome = await node.done("workflow", workflow, "promote", to=to, **more)
    return await node.ask("promotion", "wait", outcome["extra"]["promotion"])


def failed(told: Any) -> list[tuple[str, str]]:
    return [(check["what"], check["name"]) for check in told["checks"] if not check["is_met"]]


async def test_from_dev_to_prod_by_the_way_that_is_allowed(
    node: Operator, site: Site, tmp_path: Path
) -> None:
    for stage in STAGES:
        await furnish(node, site, stage)
    saved = {"name": "Orders", "environment": "dev", "triggers": [{"id": "web", **post("/orders")}]}
    await node.done("workflow", "orders", "save", **saved, definition=asks("first"))

    shortcut = await promote(node, "orders", "prod")
    assert (shortcut["status"], failed(shortcut)) == ("refused", [("policy", "dev → prod")])
    assert "the way is dev → staging → prod" in json.dumps(shortcut, ensure_ascii=False)
    assert (await promote(node, "orders", "staging", plan=True))["status"] == "planned"
    assert [one["id"] for one in await node.items("workflow")] == ["orders"]
    assert (await promote(node, "orders", "staging"))["status"] == "deployed"
    assert (await promote(node, "orders-staging", "prod"))["into"] == "orders-prod"
    await node.event("route.claimed", environment="prod")

    url = f"{node.endpoint.http_url}/prod/orders"
    async with ClientSession() as client, client.post(url, json={}) as answer:
        assert await answer.json() == {"what": "first", "region": "prod"}
    assert (site.asked[-1].path, site.asked[-1].headers["X-Key"]) == ("/prod/orders", f"{SECRET}-prod")
    assert leaks(tmp_path, SECRET) == []


async def test_all_that_is_missing_is_told_at_once_and_nothing_done(node: Operator, site: Site) -> None:
    await node.done("workflow", "orders", "save", name="Orders", environment="dev", definition=asks("first"))
    await keep(node, "key", SECRET, "staging")
    await connect(node, "staging", "api", "http", "http://127.0.0.1:1")
    await node.done("environment", "staging", "set_variable", name="region")

    told = await promote(node, "orders", "staging")

    assert failed(told) == [("variable", "region"), ("connection", "api")]
    assert "--allow-egress" in json.dumps(told)
    assert [one["id"] for one in await node.items("workflow")] == ["orders"]


async def test_what_runs_finishes_on_its_version_and_the_next_run_has_the_new_one(
    node: Operator, site: Site
) -> None:
    held = Held()
    site["/staging/orders"] = held
    await furnish(node, site, "staging")
    for what in ("first", "second"):
        await node.done("workflow", "orders", "save", name="Orders", environment="dev", definition=asks(what))
        assert (await promote(node, "orders", "staging"))["status"] == "deployed"
        await node.done("workflow", "orders-staging", "launch", run=what)
        await held.has_come.wait()
        held.has_come.clear()
    held.may_go.set()

    assert [(await end_of(node, what))[1]["what"] for what in ("first", "second")] == ["first", "second"]


async def test_it_is_rolled_back_unless_it_was_changed_since(node: Operator, site: Site) -> None:
    await furnish(node, site, "staging")
    promotions = []
    for what in ("first", "second"):
        await node.done("workflow", "orders", "save", name="Orders", environment="dev", definition=asks(what))
        outcome = await node.done("workflow", "orders", "promote", to="staging")
        promotions.append(outcome["extra"]["promotion"])
        await node.ask("promotion", "wait", promotions[-1])

    assert (await node.call("promotion", promotions[0], "roll_back"))["code"] == "first_version"
    await node.done("promotion", promotions[1], "roll_back")
    told = await node.ask("promotion", "wait", promotions[1])
    assert told["status"] == "rolled_back"
    there = await node.ask("workflow", "get", "orders-staging")
    assert there["definition"] == asks("first")
    versions = (await node.ask("workflow", "versions", "orders-staging"))["versions"]
    assert [one["author"] for one in versions] == ["operator"] * 3


async def test_a_child_is_the_one_of_the_environment(node: Operator, site: Site) -> None:
    child = document([{"one": {"set": {"said": "${ $vars.region }"}}}])
    parent = document([{"run": {"run": {"workflow": {"namespace": "n", "name": "child", "version": "1"}}}}])
    for stage in STAGES[:2]:
        await furnish(node, site, stage)
    for id, definition in (("child", child), ("parent", parent)):
        await node.done("workflow", id, "save", name=id, environment="dev", definition=definition)
    assert failed(await promote(node, "parent", "staging")) == [("workflow", "child")]
    for id in ("child", "parent"):
        assert (await promote(node, id, "staging"))["status"] == "deployed"
    await node.event("workflow.deployment_noted", "child")

    for id, region in (("parent", "dev"), ("parent-staging", "staging")):
        await node.done("workflow", id, "launch", run=id)
        assert await end_of(node, id) == ("succeeded", {"said": region})
    await node.done("workflow", "main", "save", name="main", definition=parent)
    await node.done("workflow", "main", "launch", run="main")
    assert (await end_of(node, "main"))[0] == "failed"


async def test_what_stands_in_another_environment_is_not_written_over(node: Operator, site: Site) -> None:
    await furnish(node, site, "staging")
    await node.done("workflow", "orders-staging", "save", name="Other", environment="staging")
    await node.done("workflow", "orders", "save", name="Orders", environment="dev", definition=asks("first"))

    told = await promote(node, "orders", "staging")
    assert (told["status"], told["code"]) == ("refused", "already_exists")
    assert (await promote(node, "orders", "staging", into="o-2"))["status"] == "deployed"
    moved = await node.call(
        "workflow", "orders", "save", name="Orders", environment="staging", definition=asks("first")
    )
    assert (moved["code"], moved["at"]) == ("environment_changed", "/environment")
    nowhere = await node.call("workflow", "new", "save", name="New", environment="nowhere")
    assert (nowhere["code"], nowhere["at"]) == ("no_environment", "/environment")


async def test_an_environment_goes_with_its_workflows(node: Operator, site: Site) -> None:
    for id in ("one", "two"):
        await node.done("workflow", id, "save", name=id, environment="dev")
    await node.done("workflow", "three", "save", name="three")

    assert (await node.call("environment", "dev", "delete"))["code"] == "not_confirmed"
    await node.done("environment", "dev", "delete", confirm="dev")
    await node.event("environment.deleted", "dev")

    assert [one["id"] for one in await node.items("workflow")] == ["three"]
    assert "dev" not in [one["id"] for one in await node.items("environment")]


async def test_who_promotes_needs_a_right_in_both(node: Operator, site: Site, tmp_path: Path) -> None:
    await furnish(node, site, "staging")
    await node.done("workflow", "orders", "save", name="Orders", environment="dev", definition=asks("first"))
    ann = await enrolled(node, tmp_path, "ann")

    async def asked(promotion: str) -> Any:
        return await ann.call("workflow", "orders", "promote", to="staging", promotion=promotion)

    assert (await asked("p-0"))["code"] == "not_granted"
    await give(node, "user/ann", "lab.workflow.orders", "promote", "read", "roll_back")
    assert (await asked("p-1"))["status"] == "done"
    told = await ann.ask("promotion", "wait", "p-1")
    assert (told["status"], failed(told)) == ("refused", [("right", "user/ann")])
    await give(node, "user/ann", "lab.environment.staging", "promote")
    await asked("p-2")
    assert (await ann.ask("promotion", "wait", "p-2"))["status"] == "deployed"
    versions = (await node.ask("workflow", "versions", "orders-staging"))["versions"]
    assert [one["author"] for one in versions] == ["user/ann"]


async def test_an_environment_is_made_from_another_one_without_its_secrets(
    node: Operator, site: Site
) -> None:
    await furnish(node, site, "dev")

    await make(node, "copy", **{"from": "dev"})
    await node.event("environment.filled", "copy")

    found = await node.ask("environment", "get", "copy")
    assert (found["variables"], found["secrets"]) == ({"region": "dev"}, {"key": False})
    assert found["connections"] == (await node.ask("environment", "get", "dev"))["connections"]
    assert (await node.ask("environment", "contents", "copy"))["secrets"] == {"key": None}
