"""Users who sign what they say, over the connection of somebody else."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bus.keys import Key, load_or_create
from bus.signing import signed
from messages import subjects
from tests.nodes import WAIT_SECONDS, Operator


@dataclass
class Person:
    """A user with a key, who has not been made known to the node by that."""

    operator: Operator
    key: Key

    async def call(
        self, kind: str, id: str, verb: str, _headers: dict[str, str] | None = None, **body: Any
    ) -> Any:
        subject = subjects.call(self.operator.node, kind, id, verb)
        sent = {subjects.MESSAGE_ID: uuid.uuid4().hex, **(_headers or {})}
        return await self.send(subject, msgspec.json.encode(body), sent)

    async def ask(self, kind: str, query: str, id: str = "", **body: Any) -> Any:
        if "/" in id or kind == "node":
            body, id = body | ({"id": id} if id else {}), ""
        subject = subjects.ask(self.operator.node, kind, query, id)
        return await self.send(subject, msgspec.json.encode(body), {})

    async def send(self, subject: str, body: bytes, headers: dict[str, str]) -> Any:
        return await self.raw(subject, body, signed(self.key, subject, headers, body))

    async def raw(self, subject: str, body: bytes, headers: dict[str, str]) -> Any:
        return json.loads(await self.operator.bus.request(subject, body, headers, WAIT_SECONDS))


async def enrolled(operator: Operator, directory: Path, id: str, **more: Any) -> Person:
    """Return a person whom the node knows."""
    person = Person(operator, load_or_create(directory / f"{id}.seed"))
    await operator.done("user", id, "save", public_key=person.key.public, **more)
    return person


async def give(operator: Operator, to: str, place: str, *actions: str) -> None:
    id = uuid.uuid4().hex
    await operator.done("grant", id, "save", to=to, perimeter=place, actions=actions)
