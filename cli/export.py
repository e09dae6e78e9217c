"""A history as a file of JSON lines: begin, each event, end. Who has it can replay it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cli import past, show
from cli.client import Client
from cli.errors import Mistake
from messages.base import encode
from node.runs import FORMAT


async def write(node: Client, what: tuple[str, str], path: str) -> dict[str, Any]:
    """Write the whole history of an entity, and what it has led to; ``-`` is stdout."""
    kind, id = what
    state = await node.ask(kind, "get", {"id": id})
    rows = await past.events(node, what, state["version"])
    version = {"version": state["version"]}
    begin = {"line": "begin", "format": FORMAT, "kind": kind, "id": state["id"], "node": node.node}
    end = {"line": "end", **version, "events": len(rows), "state": state}
    lines = [begin | version, *({"line": "event", **row} for row in rows), end]
    _keep(path, b"".join(encode(line) + b"\n" for line in lines))
    return {"kind": kind, "id": state["id"], **version, "events": len(rows), "file": path}


def _keep(path: str, text: bytes) -> None:
    if path == "-":
        sys.stdout.buffer.write(text)
        return
    try:
        Path(path).write_bytes(text)
    except OSError as error:
        raise Mistake(f"{path} cannot be written: {error}; choose another --export") from None


def told(done: dict[str, Any]) -> str:
    """Say what was written."""
    size = f"{done['events']} events, version {done['version']}"
    return show.clean(f"{done['kind']} {done['id']}: {size}, in {done['file']}")
