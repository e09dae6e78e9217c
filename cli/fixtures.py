"""What the world answers in a test: HTTP answers and outputs of other calls, from a file."""

from __future__ import annotations

from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Annotated, Any

import msgspec

from actors.flow.errors import fault
from cli.documents import read, value
from cli.errors import Failed, Mistake
from messages.run import Answered, Call, Faulted
from node.calls.caller import Make
from node.calls.client import Client, Request, Response
from node.calls.failed import Failed as CallFailed
from node.calls.http import HttpCalls
from node.calls.openapi import OpenApiCalls

HTTP, OPENAPI = "http", "openapi"
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
EXAMPLE = "{method: GET, url: 'https://example.com/*', status: 200, body: {}}"


class Fixture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer of the world, to all calls that it fits; the first that fits and is left is given."""

    call: str = HTTP
    """http, or another kind of call: database, email, slack, shell, …"""
    method: str = "*"
    url: str = "*"
    """Of http: the whole address, ``*`` stands for anything."""
    at: str = "*"
    """The JSON pointer of the task that calls, ``*`` stands for anything."""
    status: Annotated[int, msgspec.Meta(ge=100, le=599)] = 200
    headers: dict[str, str] = {}
    body: Any = None
    output: Any = None
    """Of other calls: what they give."""
    times: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How often it is given, then the next one that fits; 0: always."""


class Unanswered(Failed):
    """A run has made a call that no fixture fits."""


def load(path: str) -> list[Fixture]:
    """Return the fixtures of a file; raises Mistake naming what is wrong with it."""
    found = value(read(path), path) if path else []
    try:
        return msgspec.convert(found, list[Fixture])
    except msgspec.ValidationError as error:
        raise Mistake(f"{path}: {error}; it is a list of answers, as {EXAMPLE}") from None


class World:
    """Answers the calls of a run, and keeps which were made."""

    def __init__(self, fixtures: list[Fixture]) -> None:
        self._left = [(fixture, fixture.times or None) for fixture in fixtures]
        client = _Canned(self)
        self._makes: dict[str, Make] = {HTTP: HttpCalls(client), OPENAPI: OpenApiCalls(client)}
        self._call: Call | None = None
        self.calls: list[dict[str, Any]] = []

    async def answer(self, call: Call) -> Answered | Faulted:
        """Return what a call comes to; raises Unanswered."""
        self._call = call
        try:
            output = await self._made(call)
        except CallFailed as failed:
            problem = fault(failed.word, call.pointer, failed.detail, status=failed.status).problem
            return Faulted(frame=call.frame, call=call.call, problem=problem)
        return Answered(frame=call.frame, call=call.call, output=output)

    async def _made(self, call: Call) -> Any:
        """Return what a call gives: what stands for it, or what its requests are answered."""
        found = None if call.kind == HTTP else self._take(call.kind, call.pointer)
        if found is None and call.kind in self._makes:
            return await self._makes[call.kind](call)
        self.calls.append({"call": call.kind, "at": call.pointer, "arguments": call.arguments})
        if found is None:
            remedy = f"{{call: {call.kind}, at: '{call.pointer}', output: …}}"
            raise Unanswered(
                f"{call.pointer} calls {call.kind}, and nothing answers; add to --http: {remedy}"
            )
        return found.output

    def respond(self, request: Request) -> Response:
        """Return the answer to a request; raises Unanswered."""
        pointer = self._call.pointer if self._call is not None else ""
        url = str(request.url)
        found = self._take(HTTP, pointer, request.method, url)
        told = {"call": HTTP, "at": pointer, "method": request.method, "url": url}
        self.calls.append(told | {"status": found.status if found else None})
        if found is None:
            remedy = f"{{method: {request.method}, url: '{url}', body: …}}"
            raise Unanswered(
                f"{pointer} calls {request.method} {url}, and nothing answers; add to --http: {remedy}"
            )
        return _response(found, request)

    def _take(self, kind: str, pointer: str, method: str = "*", url: str = "*") -> Fixture | None:
        for place, (one, left) in enumerate(self._left):
            fits = one.call == kind and fnmatchcase(pointer, one.at)
            fits = fits and fnmatchcase(method, one.method.upper()) and fnmatchcase(url, one.url)
            if fits and left != 0:
                self._left[place] = (one, None if left is None else left - 1)
                return one
        return None


class _Canned(Client):
    """The client of HTTP calls, with nobody behind it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def close(self) -> None:
        """Have nothing to close."""

    async def send(self, request: Request) -> Response:
        """Return what the world answers."""
        return self._world.respond(request)


def _response(found: Fixture, request: Request) -> Response:
    is_text = isinstance(found.body, str)
    body = b"" if found.body is None else found.body.encode() if is_text else msgspec.json.encode(found.body)
    headers = {"content-type": TEXT if is_text else JSON}
    return Response(
        request=request,
        status=found.status,
        reason=HTTPStatus(found.status).phrase if found.status in HTTPStatus._value2member_map_ else "",
        headers=headers | {name.lower(): told for name, told in found.headers.items()},
        body=body,
    )
