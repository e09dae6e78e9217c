"""The streams and consumers of a node, as settings, and how far the server's differ from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from messages import subjects

COMMANDS = "CMD"
EVENTS = "EVT"
TASKS = "TASK"
INCOMING = "IN"
OUT = "OUT"
USERS = "AS"
"""Commands of users over connections of their own, on subjects that the server lets nobody else use."""

HEARD = "heard"
"""The consumer of what comes in, and of what users say."""

NANOSECONDS = 1_000_000_000
MEBIBYTE = 1 << 20
MAX_AGE_SECONDS = 7 * 24 * 3600
DUPLICATE_WINDOW_SECONDS = 600
COMMANDS_BYTES_MAX = 4096 * MEBIBYTE
EVENTS_BYTES_MAX = 4096 * MEBIBYTE
TASKS_BYTES_MAX = 1024 * MEBIBYTE
INCOMING_BYTES_MAX = 1024 * MEBIBYTE
OUT_BYTES_MAX = 512 * MEBIBYTE
USERS_BYTES_MAX = 256 * MEBIBYTE
USERS_MESSAGE_BYTES_MAX = 320 * 1024
"""A body that is taken, and room for headers."""
ACK_WAIT_SECONDS = 30
OUT_ACK_WAIT_SECONDS = 5
"""What a peer had in hand when it died comes again after this; it may not reset its consumer itself."""
WORK_ACK_WAIT_SECONDS = 3
"""What a worker had in hand when it died comes again after this; one that lives says so each second."""
WORK_PENDING_MAX = 256
"""How much all workers of one queue may have in hand."""
ACKS_PENDING_MAX = 4096
"""How many messages of one consumer may be delivered and not yet acknowledged."""
DELIVER_FOR_EVER = -1
"""A bound would hide poison messages in the stream; the node dead-letters them itself."""


class ConsumerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A durable pull consumer with explicit acknowledgement."""

    name: str
    filter_subject: str
    ack_wait_seconds: int = ACK_WAIT_SECONDS
    max_ack_pending: int = ACKS_PENDING_MAX


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A stream in files that refuses what is new when it is full."""

    name: str
    subjects: tuple[str, ...]
    max_bytes: int
    max_age_seconds: int = MAX_AGE_SECONDS
    duplicate_window_seconds: int = DUPLICATE_WINDOW_SECONDS
    message_bytes_max: int = -1
    is_shared: bool = False
    """Whether others than the node and its operator write it."""
    consumers: tuple[ConsumerSettings, ...] = ()


def settings(
    node: str,
    kinds: Iterable[str],
    queues: Iterable[str],
    worked: Iterable[str] = (),
    heard: Mapping[str, str] | None = None,
) -> tuple[StreamSettings, ...]:
    """Return the streams of a node: commands by kind, events, tasks by queue, what comes in.

    ``worked`` are the queues that workers share who tell that they are at work; ``heard`` are consumers
    of events, by name, and their subjects.
    """
    by_kind = {kind: subjects.every(node, "cmd", kind) for kind in kinds}
    by_queue = {queue: subjects.task(node, queue) for queue in queues}
    return (
        # Only known kinds: a publish to another one gets no PubAck, so its sender learns of it.
        StreamSettings(
            name=COMMANDS,
            subjects=tuple(by_kind.values()),
            max_bytes=COMMANDS_BYTES_MAX,
            consumers=_consumers(by_kind),
        ),
        StreamSettings(
            name=EVENTS,
            subjects=(subjects.every(node, "evt"),),
            max_bytes=EVENTS_BYTES_MAX,
            consumers=_consumers(heard or {}),
        ),
        StreamSettings(
            name=TASKS,
            subjects=(subjects.every(node, "task"),),
            max_bytes=TASKS_BYTES_MAX,
            consumers=(
                *_consumers(by_queue),
                *(work_settings(queue, subjects.task(node, queue)) for queue in worked),
            ),
        ),
        StreamSettings(
            name=INCOMING,
            subjects=(subjects.every(node, "in"),),
            max_bytes=INCOMING_BYTES_MAX,
            consumers=_consumers({HEARD: subjects.every(node, "in")}),
        ),
    )


def users_settings(node: str, kinds: Iterable[str]) -> StreamSettings:
    """Return the stream of what users say durably, apart from ours: it takes neither its room nor its ids."""
    every = subjects.every_of(node, "*", "cmd")
    return StreamSettings(
        name=USERS,
        subjects=tuple(f"{every.removesuffix('>')}{kind}.>" for kind in kinds),
        max_bytes=USERS_BYTES_MAX,
        message_bytes_max=USERS_MESSAGE_BYTES_MAX,
        is_shared=True,
        consumers=_consumers({HEARD: every}),
    )


def work_settings(name: str, subject: str) -> ConsumerSettings:
    """Return the consumer of workers who tell that they are at work."""
    return ConsumerSettings(
        name=name,
        filter_subject=subject,
        ack_wait_seconds=WORK_ACK_WAIT_SECONDS,
        max_ack_pending=WORK_PENDING_MAX,
    )


def out_settings(node: str, peer: str, max_bytes: int = OUT_BYTES_MAX) -> tuple[StreamSettings, ...]:
    """Return the one stream of a peer's account, with the consumer that the peer reads."""
    subject = subjects.out(node, peer)
    return (
        StreamSettings(
            name=OUT,
            subjects=(subject,),
            max_bytes=max_bytes,
            consumers=_consumers({peer: subject}, OUT_ACK_WAIT_SECONDS),
        ),
    )


def stream_of(subject: str) -> str:
    """Name the stream that keeps a subject, after its third token."""
    parts = subject.split(".", 3)
    return parts[2].upper() if len(parts) > 2 else ""


def stream_request(stream: StreamSettings) -> dict[str, Any]:
    """Return the body of the request that creates a stream."""
    atomic = {} if stream.is_shared else {"allow_atomic": True}
    return {
        "name": stream.name,
        "subjects": list(stream.subjects),
        # who fills a shared stream is in the way of others only until it is read
        "retention": "workqueue" if stream.is_shared else "limits",
        "storage": "file",
        "discard": "new",
        "max_bytes": stream.max_bytes,
        "max_msg_size": stream.message_bytes_max,
        "max_age": stream.max_age_seconds * NANOSECONDS,
        "duplicate_window": stream.duplicate_window_seconds * NANOSECONDS,
        "allow_direct": True,
        "num_replicas": 1,
        **atomic,
    }


def consumer_request(consumer: ConsumerSettings) -> dict[str, Any]:
    """Return the configuration with which a consumer is created."""
    return {
        "durable_name": consumer.name,
        "name": consumer.name,
        "filter_subject": consumer.filter_subject,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": consumer.ack_wait_seconds * NANOSECONDS,
        "max_deliver": DELIVER_FOR_EVER,
        "max_ack_pending": consumer.max_ack_pending,
        "replay_policy": "instant",
    }


def differences(label: str, wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Say line by line where the server's configuration is not ours."""
    return [
        f"{label}.{name}: is {actual.get(name)}, should be {value}"
        for name, value in wanted.items()
        if not _is_same(value, actual.get(name))
    ]


def _is_same(wanted: Any, actual: Any) -> bool:
    if isinstance(wanted, list) and isinstance(actual, list):
        return set(wanted) <= set(actual)
    return bool(wanted == actual)


def _consumers(
    filters: Mapping[str, str], ack_wait_seconds: int = ACK_WAIT_SECONDS
) -> tuple[ConsumerSettings, ...]:
    return tuple(
        ConsumerSettings(name=name, filter_subject=subject, ack_wait_seconds=ack_wait_seconds)
        for name, subject in filters.items()
    )
