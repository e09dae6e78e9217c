"""The data that workflows name and that are not at hand: their repository is not online."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from messages.copies import copy_id
from messages.tiers import ONLINE
from messages.workflow import Graph
from messages.workspace import Resources
from node.rehearsal import Heard, Rehearsal


class _Saved(msgspec.Struct):
    """Where a workflow that is saved names resources."""

    resources: Resources = msgspec.field(default_factory=dict)
    graph: Graph | None = None


async def data_not_online(heard: Sequence[Heard], rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """Return each resource that the saved workflows name and whose repository is not online.

    The tier of a repository that is not here is empty: a peer keeps it to itself.
    """
    named = dict.fromkeys(resource for message in heard for resource in _named(message))
    found = [await _look(resource, rehearsal) for resource in named]
    return [one for one in found if one is not None and one["tier"] != ONLINE]


def _named(message: Heard) -> Iterable[str]:
    """Return the resources that a workflow names when it is saved."""
    is_saved = (message.kind, message.verb) == ("workflow", "save")
    if not is_saved or message.outcome is None or message.outcome.status != "done":
        return
    saved = msgspec.json.decode(message.body, type=_Saved)
    for resources in saved.resources.values():
        yield from resources
    if saved.graph is not None:
        yield from (item.resource for item in saved.graph.items.values() if item.resource is not None)


async def _look(resource: str, rehearsal: Rehearsal) -> dict[str, Any] | None:
    owner, _, id = resource.rpartition("/")
    place = ("copy", copy_id(owner, "resource", id)) if owner else ("resource", id)
    known = await rehearsal.summary(*place)
    repo = "" if known is None else known.fields.get("repo", "")
    if not repo:
        return None
    held = None if owner else await rehearsal.summary("repo", repo)
    return {"resource": resource, "repo": repo, "tier": "" if held is None else held.status}
