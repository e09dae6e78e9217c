"""Who decides: one pure module per kind of entity, registered here."""

from typing import Any

from actors import booking, copy, execution, peer, resource, shared_workspace, workflow, workspace
from actors.actor import Actor

ACTORS: tuple[Actor[Any, Any, Any], ...] = (
    resource.ACTOR,
    workflow.ACTOR,
    workspace.ACTOR,
    execution.ACTOR,
    booking.ACTOR,
    shared_workspace.ACTOR,
    copy.ACTOR,
    peer.ACTOR,
)
