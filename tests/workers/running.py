"""Nodes that make the calls of runs, and a server that holds what it is asked until a test lets go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from node.run import running
from node.settings import Settings
from tests.calls.served import Site
from tests.nodes import Operator, operating

ENDS = ("succeeded", "failed", "cancelled", "unsettled")


class Held:
    """An answer that comes when it may."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.has_come = asyncio.Event()
        self.has_left = asyncio.Event()
        self.may_go = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers["Idempotency-Key"])
        self.has_come.set()
        try:
            await self.may_go.wait()
        except asyncio.CancelledError:
            self.has_left.set()
            raise
        return web.json_response({"n": len(self.keys)})


@asynccontextmanager
async def node_of(data: Path, *allowed: str, **more: Any) -> AsyncIterator[Operator]:
    """Run a node whose calls may reach some addresses."""
    settings = Settings(data=data, node="lab", allow_egress=allowed, **more)
    async with running(settings), operating(data) as operator:
        yield operator


def definition(*tasks: dict[str, Any]) -> dict[str, Any]:
    named = [{f"t{place}": task} for place, task in enumerate(tasks)]
    head = {"dsl": "1.0.3", "namespace": "test", "name": "calls", "version": "1.0.0"}
    return {"document": head, "do": named}


def get(site: Site, path: str = "/", **more: Any) -> dict[str, Any]:
    return {"call": "http", "with": {"method": "get", "endpoint": f"{site.url}{path}", **more}}


async def begin(node: Operator, run: str, *tasks: dict[str, Any], given: Any = None) -> None:
    await node.done("workflow", run, "save", name=run, definition=definition(*tasks))
    await node.done("workflow", run, "launch", run=run, input=given)
    await node.event("run.begun", run)


async def end_of(node: Operator, run: str) -> tuple[str, Any]:
    """Return how a run ends, and its output or its problem."""

    def ends(subject: str) -> bool:
        return subject.split(".")[-2] == run and subject.rsplit(".", maxsplit=1)[-1] in ENDS

    heard = await node.until(lambda event: ends(event.subject))
    word = heard.subject.split(".")[-1]
    body = await node.event(f"run.{word}", run)
    return word, body.get("output", body.get("problem"))
