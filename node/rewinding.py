"""What a run was at an earlier event, for one that is to go on from there: the node alone has its history."""

from __future__ import annotations

from typing import Any

from actors.flow.actor import ACTOR
from actors.flow.rewind import rewound
from messages.problem import Problem
from messages.run import Rewind, Rewound
from node.live import decode_event
from store.queries import PAGE_MAX, chronicle
from store.store import Store


async def rewind(store: Store, ask: Rewind) -> Rewound:
    """Answer what a run asks of its own past; one whose beginning was forgotten cannot go back."""
    events: list[Any] = []
    version = 0
    while version < ask.version:
        page = await chronicle(store, (ACTOR.kind, ask.run), version, PAGE_MAX)
        if page.start is not None or not page.events:
            why = "the beginning of its history was forgotten; retry it from its start"
            return Rewound(version=ask.version, problem=Problem(type="not_found", status=404, detail=why))
        rows = [row for row in page.events if row["version"] <= ask.version]
        events += [decode_event(ACTOR, row["type"], row["body"]) for row in rows]
        version = page.events[-1]["version"]
    return rewound(ask, events)
