"""The work of the queue ``history``: reads what a run was, so that it can go on from there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from actors.flow.actor import ACTOR
from actors.flow.rewind import rewound
from messages.base import encode
from messages.problem import Problem
from messages.run import Rewind, Rewound
from node.edge import BODY_BYTES_MAX, DEPTH_MAX, depth
from node.live import decode_event

EVENTS_MAX = 400_000
"""How long a history is read to its end."""

Page = Callable[[int], Awaitable[dict[str, Any]]]
"""Given a version, the answer to the question ``history`` of the run behind it."""


async def work(ask: Rewind, page: Page) -> Rewound:
    """Return what a run was, or why that cannot be told."""
    events: list[Any] = []
    while len(events) < ask.version:
        told = await page(len(events))
        if told.get("start") is not None or not told.get("events"):
            return _no(ask, "trimmed", "its history is not there any more, or not all of it")
        events += [decode_event(ACTOR, row["type"], encode(row["body"])) for row in told["events"]]
        if len(events) > EVENTS_MAX:
            return _no(ask, "too_long", f"a history of more than {EVENTS_MAX} events is not read again")
    return _bounded(ask, rewound(ask, events[: ask.version]))


def _bounded(ask: Rewind, found: Rewound) -> Rewound:
    """Return what was found if the node takes it as a message."""
    body = encode(found)
    if len(body) > BODY_BYTES_MAX or depth(body) > DEPTH_MAX:
        return _no(ask, "too_large", "what was under way is more than a message takes; retry from the start")
    return found


def _no(ask: Rewind, code: str, detail: str) -> Rewound:
    return Rewound(version=ask.version, problem=Problem(type=code, status=409, detail=detail))
