"""A node that knows executables, commands and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
from msgspec.structs import replace

from messages.envelope import Outcome
from node.engine import Engine
from node.intake import outcome_of
from tests.node.frozen import message

PARAMETERS: list[dict[str, Any]] = [
    {"flag": "genpkey", "position": 0},
    {"flag": "-algorithm", "requires_value": True, "value_type": "string", "requires": ["genpkey"]},
    {
        "flag": "-pkeyopt",
        "requires_value": True,
        "value_type": "string",
        "requires": ["-algorithm"],
        "behind": ["-algorithm"],
    },
    {"flag": "-out", "requires_value": True, "value_type": "path", "requires": ["genpkey"]},
    {"flag": "-text", "requires": ["genpkey"], "interferes": ["-quiet"]},
    {"flag": "-quiet"},
    {"flag": "-provider", "requires_root": True},
]
OPENSSL: dict[str, Any] = {
    "tag": "openssl - 3.0",
    "path": "/usr/bin/openssl",
    "parameters": PARAMETERS,
}
ID = "openssl-3-0"
GEN: dict[str, Any] = {"executable": ID, "flags": ["genpkey", "-algorithm", "-pkeyopt", "-out"]}
RSA: dict[str, Any] = {
    "command": "GenRSA",
    "values": {"-algorithm": "RSA", "-pkeyopt": "rsa_keygen_bits:2048", "-out": "key.pem"},
}


@dataclass
class World:
    """Says commands to an engine, each with an id of its own."""

    engine: Engine
    numbers: count[int] = field(default_factory=count)

    async def say(self, to: str, body: Mapping[str, Any] | None = None) -> Outcome:
        envelope = replace(message(to, dict(body or {})), id=f"m-{next(self.numbers)}")
        (result,) = await self.engine.handle([envelope])
        return outcome_of(result.outcome)

    async def done(self, to: str, body: Mapping[str, Any] | None = None) -> list[str]:
        """Say it, have it done, and return the names of what happened."""
        outcome = await self.say(to, body)
        assert outcome.status == "done", (outcome.code, outcome.detail, outcome.at)
        return [msgspec.json.decode(event)["type"] for event in outcome.events]

    async def refused(self, to: str, body: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """Say it twice, have it refused, and return the code and the place."""
        kind, id, _ = to.split(".")
        before = (await self.engine.peek(kind, id)).version
        outcome, again = await self.say(to, body), await self.say(to, body)
        assert outcome.status in ("rejected", "dead")
        assert (outcome.code, outcome.detail) == (again.code, again.detail)
        assert (await self.engine.peek(kind, id)).version == before
        self.last = outcome
        return outcome.code, outcome.at

    async def state(self, kind: str, id: str) -> Any:
        return (await self.engine.peek(kind, id)).state

    async def build(self) -> None:
        """Save the documented example."""
        await self.done(f"executable.{ID}.save", OPENSSL)
        await self.done("command.GenRSA.save", GEN)
        await self.done("job.GenRSA-2048.save", RSA)


def changed(which: str, **fields: Any) -> dict[str, Any]:
    """Return the executable with a parameter changed."""
    parameters = [one | fields if one["flag"] == which else one for one in PARAMETERS]
    return OPENSSL | {"parameters": parameters}


def without(flag: str) -> dict[str, Any]:
    """Return the executable without a parameter, and without the rules about it."""
    kept = [one for one in PARAMETERS if one["flag"] != flag]
    rules = ("requires", "behind", "interferes")
    cut = [
        one | {rule: [other for other in one[rule] if other != flag] for rule in rules if rule in one}
        for one in kept
    ]
    return OPENSSL | {"parameters": cut}
