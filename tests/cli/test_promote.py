"""``covey workflow promote``: what it shows, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Covey, up

FLOW = """
name: Orders
definition:
  document: {{dsl: 1.0.3, namespace: t, name: orders, version: 1.0.0}}
  do:
    - one: {{set: {{region: "${{ $vars.region }}", what: {what}}}}}
"""


@pytest.fixture(scope="module")
def covey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Covey]:
    data = tmp_path_factory.mktemp("promote") / "lab"
    with up(data, "lab"):
        covey = Covey(data)
        assert covey.run("environment", "create", "test", "--follows", "main").returncode == 0
        assert covey.run("environment", "create", "live", "--follows", "test").returncode == 0
        yield covey


def save(covey: Covey, tmp_path: Path, what: str) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(FLOW.format(what=what))
    assert covey.run("workflow", "save", "orders", "-f", str(file)).returncode == 0


def test_a_workflow_goes_to_another_environment_and_back(covey: Covey, tmp_path: Path) -> None:
    save(covey, tmp_path, "first")
    refused = covey.run("workflow", "promote", "orders", "--to", "test")
    assert (refused.returncode, "refused" in refused.stderr) == (1, True)
    assert "covey variable set region --environment test" in refused.stdout
    covey.run("variable", "set", "region", "eu", "-e", "test")

    plan = json.loads(covey.run("workflow", "promote", "orders", "--to", "test", "--plan", "--json").stdout)
    assert (plan["status"], plan["is_new"]) == ("planned", True)
    assert covey.run("workflow", "promote", "orders", "--to", "test").returncode == 0
    save(covey, tmp_path, "second")
    again = covey.run("workflow", "promote", "orders", "--to", "test")
    assert (again.returncode, "first → second" in again.stdout) == (0, True)

    back = covey.run("workflow", "promote", "orders", "--to", "test", "--roll-back")
    assert (back.returncode, "rolled_back" in back.stderr) == (0, True), back
    there = json.loads(covey.run("workflow", "get", "orders-test", "--json").stdout)
    assert there["definition"]["do"][0]["one"]["set"]["what"] == "first"
    listed = json.loads(covey.run("workflow", "promotions", "orders", "--json").stdout)["items"]
    assert [one["status"] for one in listed] == ["rolled_back", "deployed", "planned", "refused"]
    by_kind = covey.run("promotion", "list", "--where", "workflow=orders", "--where", "target=test", "--json")
    assert len(json.loads(by_kind.stdout)["items"]) == 4


def test_a_shortcut_tells_the_way(covey: Covey, tmp_path: Path) -> None:
    save(covey, tmp_path, "first")

    told = covey.run("workflow", "promote", "orders", "--to", "live")

    assert told.returncode == 1
    assert "the way is main → test → live" in told.stdout
    assert covey.run("workflow", "promote", "orders", "--to", "live", "--roll-back").returncode == 1
    assert covey.run("workflow", "promote", "nothing", "--to", "live").returncode == 1
    assert covey.run("workflow", "promote", "orders").returncode == 2


def test_a_workflow_is_launched_in_an_environment(covey: Covey, tmp_path: Path) -> None:
    save(covey, tmp_path, "third")
    covey.run("variable", "set", "region", "eu", "-e", "test")
    covey.run("variable", "set", "region", "us", "-e", "main")
    assert covey.run("workflow", "promote", "orders", "--to", "test").returncode == 0

    there = ("workflow", "launch", "orders", "--environment", "test", "--run", "e-1", "--wait", "--json")
    for _ in range(2):
        assert json.loads(covey.run(*there).stdout)["output"] == {"region": "eu", "what": "third"}
    here = json.loads(covey.run("workflow", "launch", "orders", "-e", "main", "--wait", "--json").stdout)
    assert here["output"]["region"] == "us"
    run = json.loads(covey.run("run", "get", "e-1", "--json").stdout)
    assert (run["workflow"], run["environment"], run["trigger"]) == ("orders-test", "test", "manual")
    for words, code in (
        (("-e", "live"), "not_in_environment"),
        (("-e", "test", "--trigger", "desk"), "unknown_trigger"),
    ):
        refused = covey.run("workflow", "launch", "orders", *words)
        assert (refused.returncode, code in refused.stderr) == (1, True), refused.stderr
