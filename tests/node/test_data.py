"""What an explanation tells of the data that a workflow names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from messages.copies import copy_id
from messages.envelope import PEER
from node.engine import Engine
from node.explain import Explain, explain
from tests.node.frozen import DATA, frozen, message

NOW = 1_800_000_000_000_000
FROZEN = {"resource": "data", "repo": "grib", "tier": "frozen"}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with frozen(tmp_path) as engine:
        yield engine


def workflow(**fields: Any) -> dict[str, Any]:
    return {"kind": "workflow", "id": "forecast", "name": "Forecast", **fields}


async def told(engine: Engine, *documents: dict[str, Any]) -> Any:
    asked = Explain(documents=[*documents])
    return (await explain(asked, engine, "here", (NOW, None, None)))["data"]


async def test_data_in_a_frozen_repository_are_told(engine: Engine) -> None:
    await engine.handle([message("resource.data.save", DATA)])

    assert await told(engine, workflow(resources={"data": ["data"]})) == [FROZEN]
    in_graph = {"items": {"input": {"resource": "data"}}}
    both = workflow(resources={"data": ["data"]}, graph=in_graph)
    assert await told(engine, both) == [FROZEN]


async def test_data_that_the_same_file_saves_are_told(engine: Engine) -> None:
    data = {"kind": "resource", "id": "data", **DATA}

    assert await told(engine, data, workflow(resources={"data": ["data"]})) == [FROZEN]


async def test_data_that_are_online_or_in_no_repository_are_not_told(engine: Engine) -> None:
    await engine.handle(
        [
            message("registry.main.init", {"name": "Main"}),
            message(
                "repo.new.init",
                {"registry_id": "main", "registry_name": "Main", "global_path": "/a"},
                "actor",
            ),
            message("resource.online.save", DATA | {"name": "A", "repo": "new"}),
            message("resource.loose.save", DATA | {"name": "B", "repo": ""}),
        ]
    )

    assert await told(engine, workflow(resources={"data": ["online", "loose"]})) == []


async def test_data_in_a_repository_that_is_not_there_are_told(engine: Engine) -> None:
    await engine.handle([message("resource.data.save", DATA | {"repo": "gone"})])

    shown = {"resource": "data", "repo": "gone", "tier": ""}
    assert await told(engine, workflow(resources={"data": ["data"]})) == [shown]


async def test_of_data_of_a_peer_only_what_the_copy_knows_is_told(engine: Engine) -> None:
    copy = copy_id("centre", "resource", "data")
    body = {
        "owner": "centre",
        "kind": "resource",
        "id": "data",
        "name": "GRIB",
        "generation": 1,
        "version": 1,
    }
    put = message(f"copy.{copy}.put", body | {"body": DATA, "can": ["read"]}, f"{PEER}centre")
    await engine.handle([put])

    shown = {"resource": "centre/data", "repo": "grib", "tier": ""}
    assert await told(engine, workflow(resources={"data": ["centre/data"]})) == [shown]


async def test_a_workflow_that_is_refused_names_no_data(engine: Engine) -> None:
    await engine.handle([message("resource.data.save", DATA)])

    graph = {"items": {"input": {"resource": "nothing"}}}
    assert await told(engine, workflow(resources={"data": ["data"]}, graph=graph)) == []
