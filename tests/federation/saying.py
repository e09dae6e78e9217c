"""Durable commands, and what is told because of them."""

from __future__ import annotations

from bus.client import Heard
from bus.publisher import Outbound
from messages import subjects
from tests.federation.stage import fresh
from tests.nodes import Operator


async def publish(node: Operator, to: str, body: bytes, **more: str) -> str:
    """Publish a durable command to ``kind.id.verb`` and return its id."""
    message = fresh("message")
    await node.bus.publish([Outbound(f"covey.{node.node}.cmd.{to}", message, more, body)])
    return message


async def told(node: Operator, type_: str, message: str) -> Heard:
    """Wait for an event of a type that a message caused."""
    kind, _, name = type_.partition(".")
    prefix = f"covey.{node.node}.evt.{kind}."
    return await node.until(
        lambda heard: (
            heard.subject.startswith(prefix)
            and heard.subject.endswith(f".{name}")
            and heard.headers[subjects.CAUSE] == message
        )
    )
