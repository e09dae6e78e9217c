"""A real HTTP server on this machine that remembers what it was asked, and calls to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy

from actors.flow.errors import standard
from messages.run import Answered, Call, Faulted
from node.calls import caller
from node.calls.client import Client
from node.calls.egress import Egress, parse_all
from node.calls.http import HttpCalls

LOOPBACK = "127.0.0.1"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass
class Site:
    """A running server."""

    host: str
    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    """By path; other paths are told what they were asked."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def allowance(self) -> str:
        return f"{self.host}:{self.port}"

    def __setitem__(self, path: str, answer: Answer | web.Response) -> None:
        async def same(_request: web.Request) -> web.Response:
            assert isinstance(answer, web.Response)
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

        self.answers[path] = same if isinstance(answer, web.Response) else answer

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = Asked(request.method, request.path, dict(request.query), request.headers, body)
        self.asked.append(asked)
        if request.path in self.answers:
            return await self.answers[request.path](request)
        return web.json_response({"method": asked.method, "path": asked.path, "query": asked.query})


@asynccontextmanager
async def serving(*hosts: str, port: int = 0) -> AsyncIterator[Site]:
    hosts = hosts or (LOOPBACK,)
    site = Site(hosts[0], port)
    server = web.Server(site.take, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        for address in hosts:
            await web.TCPSite(runner, address, site.port).start()
            site.port = runner.addresses[0][1]
        yield site
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(*allowed: str) -> AsyncIterator[Client]:
    egress = Egress(parse_all(allowed))
    client = Client(egress)
    try:
        yield client
    finally:
        await client.close()
        egress.close()


def call(
    kind: str, arguments: dict[str, Any], *, deadline: datetime | None = None, key: str = "key-1"
) -> Call:
    return Call(
        run="r",
        frame=3,
        call=1,
        pointer="/do/0/it",
        kind=kind,
        arguments=arguments,
        attempt=1,
        key=key,
        deadline=deadline,
    )


async def answered(make: caller.Make, kind: str, arguments: dict[str, Any], **more: Any) -> Any:
    """Return the output of a call that works."""
    told = await caller.answer(make, call(kind, arguments, **more))
    assert isinstance(told, Answered), told
    return told.output


async def faulted(
    make: caller.Make, kind: str, arguments: dict[str, Any], **more: Any
) -> tuple[str, int, str]:
    """Return the type, the status and the detail of the problem of a call that fails."""
    told = await caller.answer(make, call(kind, arguments, **more))
    assert isinstance(told, Faulted), told
    assert (told.frame, told.call, told.problem.instance) == (3, 1, "/do/0/it")
    return standard(told.problem.type), told.problem.status, told.problem.detail


async def get(client: Client, uri: str, **more: Any) -> Any:
    return await answered(HttpCalls(client), "http", {"method": "get", "endpoint": uri, **more})


async def get_problem(client: Client, uri: str, **more: Any) -> tuple[str, int, str]:
    return await faulted(HttpCalls(client), "http", {"method": "get", "endpoint": uri, **more})
