"""A node with an HTTP listener, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.nodes import Operator, one_node

THREE = [
    {"first": {"set": {"body": "${ .body }"}}},
    {"second": {"set": {"body": "${ .body }", "more": 1}}},
    {"third": {"set": {"said": "${ .body }", "more": "${ .more }"}}},
]


class Served(NamedTuple):
    """A node, and what it answers over HTTP."""

    node: Operator
    http: aiohttp.ClientSession

    async def save(self, id: str, *triggers: dict[str, Any], do: Any = None, **more: Any) -> None:
        """Save a workflow; returns when its routes are served."""
        written = [{"id": f"t{number}", **one} for number, one in enumerate(triggers)]
        before = len(self.node.heard)
        saved = {"name": id, "definition": document(do or THREE), "triggers": written, **more}
        await self.node.done("workflow", id, "save", **saved)
        for _ in [one for one in triggers if one["type"] == "http"]:
            await self.node.until(lambda heard: heard in self.node.heard[before:] and _is_claim(heard, id))

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        """Send a request; return status, body and headers."""
        async with self.http.request(method, path, **more) as answer:
            assert answer.content_type in ("application/json", "application/problem+json")
            return answer.status, await answer.json(content_type=None), answer.headers


def _is_claim(heard: Any, workflow: str) -> bool:
    return ".evt.route." in heard.subject and f'"{workflow}"' in heard.body.decode()


def document(do: Any) -> dict[str, Any]:
    head = {"dsl": "1.0.3", "namespace": "test", "name": "served", "version": "1.0.0"}
    return {"document": head, "do": do}


def post(path: str, **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, **more}


@asynccontextmanager
async def serving(data: Path, name: str = "lab") -> AsyncIterator[Served]:
    """Run a node that listens on a free port of the loopback address."""
    async with one_node(data, name, http="0") as node:
        assert node.endpoint.http_url.startswith("http://127.0.0.1:")
        async with aiohttp.ClientSession(node.endpoint.http_url) as http:
            yield Served(node, http)
