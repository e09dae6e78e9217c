"""A run of a real node goes on from what its own history says it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from messages.run import Rewind
from node.workers import rewinding
from tests.flow.driver import start
from tests.workers.running import begin, end_of, node_of


def row(event: Any) -> dict[str, Any]:
    return {"type": type(event).__struct_config__.tag, "body": msgspec.to_builtins(event)}


def pages(events: list[Any], size: int = 4) -> rewinding.Page:
    async def page(after: int) -> dict[str, Any]:
        return {"events": [row(event) for event in events[after : after + size]]}

    return page


async def test_a_run_goes_on_where_it_failed_from_the_history_that_the_node_has(tmp_path: Path) -> None:
    tasks = ({"set": {"n": 1}}, {"set": {"n": "${ .n + error }"}})
    async with node_of(tmp_path / "lab") as node:
        await begin(node, "r", *tasks)
        assert (await end_of(node, "r"))[0] == "failed"
        await node.done("run", "r", "retry")
        asked = await node.event("run.rewinding", "r")

        async def page(after: int) -> Any:
            return await node.ask("run", "history", "r", after=after)

        ask = Rewind(run="r", version=asked["version"], start=asked["from"])
        found = await rewinding.work(ask, page)
        assert [frame["pointer"] for frame in found.frames] == ["", "/do", "/do/1/t1"]
        await node.done("run", "r", "rewound", version=found.version, frames=found.frames)
        assert (await node.event("run.restarted", "r"))["from"] == "failed"


async def test_a_history_is_read_page_by_page() -> None:
    broken = "- one: {set: {n: 1}}\n- two: {raise: {error: {type: a, status: 400}}}"
    events = (await start(broken).go_on()).dry.events
    ask = Rewind(run="dry", version=len(events), start="failed")

    found = await rewinding.work(ask, pages(events, 3))

    assert found == await rewinding.work(ask, pages(events, 500))
    assert found.problem is None


async def test_a_history_that_is_not_whole_is_not_gone_back_into() -> None:
    async def page(_: int) -> dict[str, Any]:
        return {"start": {"version": 3, "state": {}}, "events": []}

    found = await rewinding.work(Rewind(run="dry", version=9, start="failed"), page)

    assert found.problem is not None
    assert found.problem.type == "trimmed"


async def test_what_no_message_takes_is_told_and_not_said() -> None:
    text = "- both: {fork: {branches: [{a: BIG}, {b: BIG}, {c: {raise: {error: {type: a, status: 400}}}}]}}"
    run = await start(text.replace("BIG", "{wait: PT1H}"), {"a": "x" * 100_000}).go_on()
    events = run.dry.events

    found = await rewinding.work(Rewind(run="dry", version=len(events), start="failed"), pages(events))

    assert found.problem is not None
    assert found.problem.type == "too_large"
