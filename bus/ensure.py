"""Make the streams and consumers of a node exist, and say where they differ from its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nats.aio.client import Client

from bus import api
from bus.streams import (
    ConsumerSettings,
    StreamSettings,
    consumer_request,
    differences,
    stream_request,
)


async def ensure(client: Client, settings: Sequence[StreamSettings]) -> list[str]:
    """Create what is missing, add missing subjects, change nothing else; return what differs."""
    lines: list[str] = []
    for stream in settings:
        lines += await _ensure_stream(client, stream)
        for consumer in stream.consumers:
            lines += await ensure_consumer(client, stream.name, consumer)
    return lines


async def drift(client: Client, settings: Sequence[StreamSettings]) -> list[str]:
    """Say what is missing or differs, and change nothing."""
    lines: list[str] = []
    for stream in settings:
        lines += _compare(stream.name, stream_request(stream), await _stream(client, stream.name))
        for consumer in stream.consumers:
            label = f"{stream.name}/{consumer.name}"
            lines += _compare(
                label, consumer_request(consumer), await _consumer(client, stream.name, consumer.name)
            )
    return lines


async def _ensure_stream(client: Client, stream: StreamSettings) -> list[str]:
    wanted = stream_request(stream)
    actual = await _stream(client, stream.name)
    if actual is None:
        await api.ask(client, f"STREAM.CREATE.{stream.name}", wanted)
        return []
    # A newer node knows more kinds: without their subjects the stream would miss their commands.
    if missing := [subject for subject in stream.subjects if subject not in actual["subjects"]]:
        actual = {**actual, "subjects": [*actual["subjects"], *missing]}
        await api.ask(client, f"STREAM.UPDATE.{stream.name}", actual)
    return differences(stream.name, wanted, actual)


async def ensure_consumer(client: Client, stream: str, consumer: ConsumerSettings) -> list[str]:
    """Create one consumer if it is missing; return what differs."""
    wanted = consumer_request(consumer)
    actual = await _consumer(client, stream, consumer.name)
    if actual is not None:
        return differences(f"{stream}/{consumer.name}", wanted, actual)
    subject = f"CONSUMER.CREATE.{stream}.{consumer.name}.{consumer.filter_subject}"
    await api.ask(client, subject, {"stream_name": stream, "config": wanted, "action": "create"})
    return []


async def _stream(client: Client, name: str) -> dict[str, Any] | None:
    found = await api.find(client, f"STREAM.INFO.{name}")
    return found and found["config"]


async def _consumer(client: Client, stream: str, name: str) -> dict[str, Any] | None:
    found = await api.find(client, f"CONSUMER.INFO.{stream}.{name}")
    return found and found["config"]


def _compare(label: str, wanted: dict[str, Any], actual: dict[str, Any] | None) -> list[str]:
    return [f"{label}: is missing"] if actual is None else differences(label, wanted, actual)
