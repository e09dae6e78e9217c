"""The history of an entity: its events, behind the start that it was trimmed to."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from actors.actor import Actor, Rejected
from messages.envelope import rfc3339
from node.live import thaw
from store.queries import chronicle
from store.store import Store


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of a history is asked for."""

    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 500


async def tell(store: Store, actor: Actor[Any, Any, Any], id: str, asked: History) -> dict[str, Any]:
    """Return the events behind a version, as many as fit; ``start`` stands for those that were trimmed.

    ``next`` is where to go on (``after``), null when that is all.
    """
    found = await chronicle(store, (actor.kind, id), asked.after, asked.limit)
    if not found.version:
        raise Rejected("not_found", f"no {actor.kind} {id} was ever written")
    if asked.after > found.version:
        detail = f"version {asked.after} is not yet written, it is {found.version}"
        raise Rejected("unknown_version", detail, at="/after", extra={"stored": found.version})
    told: dict[str, Any] = {"kind": actor.kind, "id": id}
    if found.start is not None:
        version, state = found.start
        told["start"] = {"version": version, "state": actor.view(thaw(actor, state))}
    told["events"] = [
        {**event, "body": msgspec.Raw(event["body"]), "at": rfc3339(event["at"])} for event in found.events
    ]
    last = found.events[-1]["version"] if found.events else found.version
    told["next"] = last if last < found.version else None
    return told
