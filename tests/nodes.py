"""Real nodes for tests: each with its own NATS server and SQLite file, and an operator who listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from bus.client import Bus, Heard
from bus.connection import connect
from messages import subjects
from node.home import Endpoint
from node.run import running
from node.settings import Settings

WAIT_SECONDS = 45.0
PROBE_SECONDS = 0.5


class Operator:
    """A client of one node that remembers every event since it came."""

    def __init__(self, endpoint: Endpoint, bus: Bus) -> None:
        self.endpoint = endpoint
        self.node = endpoint.node
        self.bus = bus
        self.heard: list[Heard] = []
        self._more = asyncio.Event()

    async def listen(self, events: AsyncIterator[Heard]) -> None:
        async for event in events:
            self.heard.append(event)
            self._more.set()

    async def call(
        self, kind: str, id: str, verb: str, _headers: dict[str, str] | None = None, **body: Any
    ) -> Any:
        subject = subjects.call(self.node, kind, id, verb)
        return json.loads(
            await self.bus.request(subject, msgspec.json.encode(body), _headers or {}, WAIT_SECONDS)
        )

    async def done(self, kind: str, id: str, verb: str, **body: Any) -> Any:
        outcome = await self.call(kind, id, verb, **body)
        assert outcome["status"] == "done", outcome
        return outcome

    async def ask(self, kind: str, query: str, id: str = "", **body: Any) -> Any:
        if "/" in id or kind == "node":  # no token of a subject, so it is named in the body
            body, id = body | ({"id": id} if id else {}), ""
        subject = subjects.ask(self.node, kind, query, id)
        return json.loads(await self.bus.request(subject, msgspec.json.encode(body), {}, WAIT_SECONDS))

    async def items(self, kind: str, **body: Any) -> list[Any]:
        items: list[Any] = (await self.ask(kind, "list", limit=500, **body))["items"]
        return items

    async def until(self, fits: Callable[[Heard], bool]) -> Heard:
        """Return the first event that fits, of those heard and those to come."""
        seen = 0
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for event in self.heard[seen:]:
                    if fits(event):
                        return event
                seen = len(self.heard)
                self._more.clear()
                await self._more.wait()

    async def event(self, type_: str, id: str = "", after: int = 0, **fields: Any) -> Any:
        """Wait for an event of a type (``workflow.scheduled``), with these fields; return its body."""

        def fits(heard: Heard) -> bool:
            kind, entity, name = heard.subject.split(".")[3:]
            if f"{kind}.{name}" != type_ or (id and entity != id):
                return False
            body = json.loads(heard.body)
            return int(heard.headers.get(subjects.ENTITY_VERSION, "1")) > after and all(
                body.get(key) == value for key, value in fields.items()
            )

        return json.loads((await self.until(fits)).body)

    async def becomes_reachable(self) -> None:
        """Ask until the node answers: its server may just have died."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    await self.bus.request(subjects.ask(self.node, "node", "health"), b"", {}, PROBE_SECONDS)
                    return
                except (OSError, RuntimeError):
                    continue  # each attempt takes its time, and the timeout bounds them all

    async def becomes(self, question: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
        """Ask again at each event until the answer fits."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                self._more.clear()
                answer = await question()
                if fits(answer):
                    return answer
                await self._more.wait()


@asynccontextmanager
async def operating(data: Path) -> AsyncIterator[Operator]:
    """Be the operator of the node that runs on a data directory."""
    endpoint = msgspec.json.decode((data / "endpoint.json").read_bytes(), type=Endpoint)
    seed = Path(endpoint.nkey_seed_file)
    async with await connect(endpoint.nats_url, name="operator", seed_path=seed) as bus:
        operator = Operator(endpoint, bus)
        listening = asyncio.create_task(
            operator.listen(await bus.subscribe(subjects.every(endpoint.node, "evt")))
        )
        try:
            yield operator
        finally:
            listening.cancel()


@asynccontextmanager
async def one_node(data: Path, name: str, **settings: Any) -> AsyncIterator[Operator]:
    """Run a node in this process."""
    async with running(Settings(data=data, node=name, **settings)), operating(data) as operator:
        yield operator


async def meet(host: Operator, guest: Operator) -> None:
    """Let two nodes become peers, and wait until both have met and exchanged their digests."""
    token = (await host.ask("node", "invite", peer=guest.node))["token"]
    told = await guest.ask("node", "accept", token=token)
    assert told.get("peer") == host.node, told
    await host.event("peer.received", guest.node)
    await guest.event("peer.received", host.node)


@asynccontextmanager
async def federation(directory: Path, *names: str) -> AsyncIterator[list[Operator]]:
    """Run nodes that have all met each other."""
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(one_node(directory / name, name)) for name in names]
        for place, host in enumerate(nodes):
            for guest in nodes[place + 1 :]:
                await meet(host, guest)
        yield nodes
