"""The stage of the flows: nodes that come and go, and what people save in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from messages.copies import copy_id
from tests.nodes import Operator, meet, one_node

Value = TypeVar("Value")

_numbers = count(1)


def fresh(word: str) -> str:
    """Return an id that no other test of the session has."""
    return f"{word}-{next(_numbers)}"


@asynccontextmanager
async def in_own_task(context: AbstractAsyncContextManager[Value]) -> AsyncIterator[Value]:
    """Enter and leave a context in one task, for fixtures are set up and torn down in two."""
    entered: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def hold() -> None:
        async with context as value:
            entered.set_result(value)
            await leave.wait()

    task = asyncio.create_task(hold())
    task.add_done_callback(lambda task: _fail(entered, task))
    value = await entered
    try:
        yield value
    finally:
        leave.set()
        await task


def _fail(entered: asyncio.Future[Value], task: asyncio.Task[None]) -> None:
    if not entered.done():
        error = None if task.cancelled() else task.exception()
        entered.set_exception(error or RuntimeError("it ended before it began"))


class Place:
    """A data directory whose node can be stopped and started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._stack = AsyncExitStack()
        self._node: Operator | None = None

    @property
    def node(self) -> Operator:
        """The node that runs there now."""
        assert self._node is not None
        return self._node

    async def start(self) -> Operator:
        running = in_own_task(one_node(self.data, self.data.name))
        self._node = await self._stack.enter_async_context(running)
        return self._node

    async def stop(self) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def places(directory: Path, *names: str) -> AsyncIterator[list[Place]]:
    """Run nodes that have all met, each of which can go away."""
    found = [Place(directory / name) for name in names]
    try:
        nodes = [await place.start() for place in found]
        for number, host in enumerate(nodes):
            for guest in nodes[number + 1 :]:
                await meet(host, guest)
        yield found
    finally:
        for place in found:
            await place.stop()


def at(days: float = 1, **more: float) -> datetime:
    """Return midnight of some day from now on, and later."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=days, **more)


def soon(seconds: float) -> str:
    """Return an instant so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def nightly(nights: int = 2, *, hour: int = 2, **more: Any) -> dict[str, Any]:
    """Return a schedule of some nights from tomorrow on, 45 minutes each."""
    start, end = at(1), at(1 + nights)
    said = {"start": start.isoformat(), "end": end.isoformat(), "cron": f"0 30 {hour} * * *"}
    return {**said, "duration": "PT45M", "deadline": "PT60S", **more}


def once(seconds: float = 3600, **more: Any) -> dict[str, Any]:
    """Return a schedule of one execution."""
    return {"start": soon(seconds), "duration": "PT10M", **more}


def workflow(name: str, *computes: str, units: int = 1, **more: Any) -> dict[str, Any]:
    """Return a workflow that runs on these computes, two nights unless told otherwise."""
    items = {f"c{number}": {"resource": one, "units": units} for number, one in enumerate(computes)}
    said: dict[str, Any] = {"name": name, "graph": {"items": items}, "resources": {"compute": list(computes)}}
    return said | {"schedule": nightly(), "schedule_active": True} | more


async def offer(owner: Operator, *readers: Operator, capacity: int = 1, **more: Any) -> str:
    """Make a public compute, wait until these peers know it, and return its id."""
    id = fresh("hpc")
    said = {"name": id, "type": "compute", "capacity": capacity, "public": True}
    await owner.done("resource", id, "save", **said, **more)
    await owner.event("booking.opened", id)
    for reader in readers:
        await copied(reader, owner, "resource", id)
    return id


async def copied(reader: Operator, owner: Operator, kind: str, id: str, **fields: Any) -> Any:
    """Wait until a node has stored a copy that looks so, and return the event."""
    return await reader.event("copy.stored", copy_id(owner.node, kind, id), **fields)


async def dropped(reader: Operator, owner: Operator, kind: str, id: str) -> Any:
    """Wait until a node has dropped its copy."""
    return await reader.event("copy.dropped", copy_id(owner.node, kind, id))


async def slots(owner: Operator, resource: str) -> list[Any]:
    """Return what is booked of a compute."""
    booked: list[Any] = (await owner.ask("booking", "get", resource))["slots"]
    return booked


async def executions(node: Operator, workflow: str) -> list[Any]:
    """Return the executions of a workflow by time."""
    return await node.items("execution", workflow=workflow, order="at")


async def settled(node: Operator, id: str, *plans: str) -> Any:
    """Wait until the plan of a workflow is one of these, and its executions know when it is scheduled."""
    told = await node.becomes(lambda: node.ask("workflow", "get", id), lambda one: one["plan"] in plans)
    if told["plan"] == "scheduled":
        wanted = await _kept(node, id)
        await node.becomes(lambda: executions(node, id), lambda found: wanted <= _scheduled(found))
    return told


async def _kept(node: Operator, workflow: str) -> set[str]:
    """Return the executions of the last plan that no owner left out."""
    events = (await node.ask("workflow", "history", workflow))["events"]
    said = {event["type"]: event["body"] for event in events}
    dropped = said.get("workflow.agreed", {}).get("dropped", ())
    return {slot["execution"] for slot in said["workflow.planned"]["slots"]} - set(dropped)


def _scheduled(found: list[Any]) -> set[str]:
    return {one["id"] for one in found if one["state"] != "draft"}


async def planned(node: Operator, *computes: str, **more: Any) -> str:
    """Save a workflow, wait until it is scheduled, and return its id."""
    id = fresh("wf")
    await node.done("workflow", id, "save", **workflow(id, *computes, **more))
    await settled(node, id, "scheduled")
    return id


def instant(text: str) -> datetime:
    """Read an instant of an answer."""
    return msgspec.convert(text, datetime)


async def gone(owner: Operator, resource: str) -> None:
    """Wait until nothing is booked."""
    await owner.becomes(lambda: slots(owner, resource), lambda found: found == [])


async def booked(owner: Operator, resource: str, *states: str) -> list[Any]:
    """Wait until what is booked has these states, in order."""
    found: list[Any] = await owner.becomes(
        lambda: slots(owner, resource), lambda found: [slot["state"] for slot in found] == list(states)
    )
    return found
