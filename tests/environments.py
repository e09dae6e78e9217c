"""Environments of nodes under test, and where a secret may have leaked to."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from messages import subjects
from node.vault import seal
from tests.nodes import WAIT_SECONDS, Operator


async def make(node: Operator, environment: str, **more: Any) -> None:
    """Create an environment."""
    await node.done("environment", environment, "create", **more)


async def public_key(node: Operator) -> bytes:
    return base64.b64decode((await node.ask("node", "secret_key"))["public_key"])


async def keep(node: Operator, name: str, value: str, environment: str = "main") -> None:
    """Set a secret as any client does."""
    sealed = seal(await public_key(node), environment, name, value)
    await node.done("environment", environment, "set_secret", name=name, sealed=sealed)


def written(secret: str) -> set[bytes]:
    """Return how a secret may stand in a file."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    raw = secret.encode()
    return {*(text.encode() for text in texts), raw.hex().encode(), *_base64(raw)}


def _base64(raw: bytes) -> Iterator[bytes]:
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw + bytes(-(before + len(raw)) % 3))
        for found in (whole, whole.translate(bytes.maketrans(b"+/", b"-_"))):
            yield found[4 if before else 0 : -4]


def leaks(directory: Path, secret: str) -> list[str]:
    """Return the files below a directory in which a secret stands, in whatever form."""
    forms = written(secret)
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(form in _content(path) for form in forms)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # the server has moved it meanwhile
        return b""


async def connect(node: Operator, environment: str, name: str, kind: str, url: str) -> Any:
    """Set a connection, and return the outcome."""
    body = msgspec.json.encode({"name": name, "kind": kind, "url": url})
    subject = subjects.call(node.node, "environment", environment, "set_connection")
    return json.loads(await node.bus.request(subject, body, {}, WAIT_SECONDS))
