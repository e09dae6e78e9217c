"""Workflows that are shared with peers."""

from __future__ import annotations

from typing import Any

from tests.federation.stage import copied, fresh
from tests.nodes import Operator

KINDS = ("shared_workspace", "workspace", "workflow")


async def shared(node: Operator, *peers: str, workflow: str, **more: Any) -> str:
    """Share a workflow and its workspace with peers, and return the id of the shared workspace."""
    id = fresh("team")
    said = {
        "name": id,
        "peers": list(peers),
        "workspaces": [f"{workflow}_ws"],
        "workflows": [workflow],
        **more,
    }
    await node.done("shared_workspace", id, "save", **said)
    return id


async def drawn(node: Operator, **more: Any) -> str:
    """Save a workflow that is not planned, wait for its workspace, and return its id."""
    id = fresh("wf")
    await node.done("workflow", id, "save", **{"name": id, **more})
    await node.event("workspace.followed", f"{id}_ws")
    return id


async def given(node: Operator, reader: Operator, **more: Any) -> tuple[str, str]:
    """Share a workflow with one peer that has stored all of it; return the ids of both."""
    id = await drawn(node)
    team = await shared(node, reader.node, workflow=id, **more)
    for kind, one in zip(KINDS, (team, f"{id}_ws", id), strict=True):
        await copied(reader, node, kind, one)
    return id, team
