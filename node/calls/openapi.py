"""``call: openapi``: the operation of a document that is fetched once in a while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml
from yarl import URL

from messages.run import Call
from node.calls.authentication import header
from node.calls.client import Client, Request, address
from node.calls.failed import Failed, misconfigured
from node.calls.http import KEY, checked, endpoint, exchange, written
from node.calls.operation import Parts, body_kind, find

DOCUMENT_BYTES = 4 << 20
DOCUMENTS_MOST = 16
"""How many documents are kept."""
KEEP_SECONDS = 300.0
ACCEPT = "application/json, */*;q=0.5"

Document = tuple[Any, URL]
"""A document, and where it was found after redirects."""


class OpenApiCalls:
    """Makes the calls of the queue ``call-openapi``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: OrderedDict[tuple[str, str], tuple[float, Document]] = OrderedDict()

    async def __call__(self, call: Call) -> Any:
        """Return the output of a call; raises Failed."""
        given = call.arguments
        document, url = await self._document(given.get("document"))
        operation = find(document, url, str(given.get("operationId", "")))
        parameters = given.get("parameters") or {}
        if not isinstance(parameters, Mapping):
            raise misconfigured("parameters is an object")
        parts = operation.fill(parameters)
        body, kind = _body(parts, operation.kinds())
        headers = {"Accept": ACCEPT, KEY: call.key, **kind, **_headers(parts), **_identity(given)}
        server = operation.server()
        path = server.raw_path.rstrip("/") + parts.path
        request = Request(
            method=operation.method.upper(),
            url=address(str(server.origin()) + path).extend_query(parts.query),
            headers=headers,
            body=body,
            is_followed=given.get("redirect") is True,
        )
        return await exchange(self._client, request, given.get("output", "content"))

    async def _document(self, given: Any) -> Document:
        uri, policy = endpoint(given.get("endpoint") if isinstance(given, Mapping) else None)
        headers = {"Accept": ACCEPT, **header(policy)}
        name = (uri, headers.get("Authorization", ""))
        until, kept = self._kept.get(name, (0.0, None))
        if kept is not None and until > time.monotonic():
            self._kept.move_to_end(name)
            return kept
        found = await self._fetched(address(uri), headers)
        self._kept[name] = (time.monotonic() + KEEP_SECONDS, found)
        while len(self._kept) > DOCUMENTS_MOST:
            self._kept.popitem(last=False)
        return found

    async def _fetched(self, url: URL, headers: Mapping[str, str]) -> Document:
        request = Request(
            method="GET", url=url, headers=headers, is_followed=True, response_bytes=DOCUMENT_BYTES
        )
        response = await self._client.send(request)
        if response.status != 200:
            told = f"the document at {request.place} cannot be had: {response.status} {response.reason}"
            raise Failed("communication", told.rstrip(), response.status)
        return await asyncio.to_thread(_parsed, response.body, request.place), response.request.url


def _parsed(body: bytes, place: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise misconfigured(f"the document at {place} is neither JSON nor YAML") from error


def _body(parts: Parts, kinds: list[str]) -> tuple[bytes | None, dict[str, str]]:
    value = parts.form or parts.body
    if value is None:
        return None, {}
    kind = body_kind(kinds, parts)
    body, _ = written(value, kind)
    if kind.endswith("json") and isinstance(value, str):
        body = msgspec.json.encode(value)
    return body, {"Content-Type": kind}


def _headers(parts: Parts) -> dict[str, str]:
    cookies = {"Cookie": "; ".join(parts.cookies)} if parts.cookies else {}
    return checked({**parts.headers, **cookies})


def _identity(given: Mapping[str, Any]) -> dict[str, str]:
    policy = given.get("authentication")
    if policy is not None and not isinstance(policy, Mapping):
        raise misconfigured("an authentication is an object with one scheme")
    return header(policy)
