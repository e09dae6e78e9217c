"""A peer that lies: it says raw bytes in its own stream, with its own keys, as only it can."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bus.client import Bus
from bus.connection import connect
from bus.keys import Key, load
from bus.publisher import Outbound
from messages import subjects
from messages.base import encode
from messages.copies import copy_id
from messages.envelope import derive, digest
from messages.peer import FederatedMessage, To
from tests.federation.stage import fresh
from tests.nodes import Operator

ROUNDS = 100
"""How often it is looked whether a message was handled; something is heard in each."""


@dataclass(frozen=True)
class Forger:
    """Speaks for one node to another, which believes its key and nothing else."""

    me: str
    victim: Operator
    bus: Bus
    identity: Key

    async def message(self, to: str, body: Any, **changes: Any) -> FederatedMessage:
        """Return what would be the next message, for ``kind.id.verb``, with some of its fields changed."""
        known = await self.victim.ask("peer", "get", self.me)
        kind, id, verb = to.split(".")
        right = FederatedMessage(
            sender=self.me,
            audience=self.victim.node,
            incarnation=known["peer_incarnation"],
            sequence=known["last_received"] + 1,
            at=datetime.now(UTC),
            to=To(kind=kind, id=id),
            verb=verb,
            body=msgspec.Raw(encode(body)),
            id=fresh("forged"),
        )
        return msgspec.structs.replace(right, **changes)

    async def publish(self, data: bytes, signature: str | None = None) -> str:
        """Say these bytes and return their digest, by which the evidence is found."""
        headers = {subjects.SIGNATURE: self.identity.sign(data) if signature is None else signature}
        await self.bus.publish(
            [Outbound(subjects.out(self.me, self.victim.node), fresh("out"), headers, data)]
        )
        return digest(data).hex()

    async def say(self, to: str, body: Any, **changes: Any) -> str:
        """Say a message that its gateway lets pass, and return the id that it has at the victim."""
        message = await self.message(to, body, **changes)
        await self.publish(encode(message))
        return derive(f"{self.me}/{message.id}", 0)

    async def refused(self, data: bytes, signature: str | None = None) -> Any:
        """Say bytes and return how the gateway refuses them."""
        mark = await self.publish(data, signature)
        return await self.victim.event("peer.refused", self.me, digest=mark)

    async def outcome(self, to: str, body: Any, **changes: Any) -> Any:
        """Say a message that its gateway lets pass, and return what the entity makes of it."""
        id = await self.say(to, body, **changes)
        for _ in range(ROUNDS):
            await self.wait_for_all()
            rows = (await self.victim.ask("node", "trace", id=id))["messages"]
            if rows:
                return rows[0]["outcome"]
        raise AssertionError(f"{to} was never handled")

    async def wait_for_all(self) -> None:
        """Return when the gateway has judged all that was said."""
        await self.refused(encode({"marker": fresh("marker")}), "not signed")


@asynccontextmanager
async def forging(data: Path, victim: Operator) -> AsyncIterator[Forger]:
    """Speak to a victim for the node whose data these are."""
    seed = data / "peers" / victim.node / "account.seed"
    url = msgspec.json.decode((data / "endpoint.json").read_bytes())["nats_url"]
    async with await connect(url, name="forger", seed_path=seed) as bus:
        yield Forger(data.name, victim, bus, load(data / "keys" / "identity.seed"))


class Scene(NamedTuple):
    """Who lies to whom, about what."""

    forger: Forger
    victim: Operator
    third: Operator


async def everything(node: Operator) -> dict[str, Any]:
    """Return all that a node has, but for what it knows of its peers."""
    kinds = ("resource", "workflow", "workspace", "shared_workspace", "execution", "booking", "copy")
    return {kind: await node.items(kind) for kind in kinds}


def a_put(
    kind: str, id: str, owner: str = "mallory", generation: int = 1, name: str = "x"
) -> tuple[str, dict[str, Any]]:
    """Return where a copy is said to be put, and what is said."""
    said = {"owner": owner, "kind": kind, "id": id, "name": name, "generation": generation, "version": 0}
    return f"copy.{copy_id(owner, kind, id)}.put", said | {"body": {"name": name}}
