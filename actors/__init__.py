"""Who decides: one pure module per kind of entity, registered here."""

from typing import Any

from actors import (
    booking,
    command,
    copy,
    du_root,
    environment,
    executable,
    execution,
    freeze_repo,
    grant,
    group,
    job,
    job_run,
    metadata_term,
    peer,
    perimeter,
    ping_registry,
    promotion,
    registry,
    repo,
    reservation,
    resource,
    route,
    routine,
    routine_run,
    shared_workspace,
    unfreeze_repo,
    user,
    workflow,
    workflow_index,
    workspace,
)
from actors.actor import Actor
from actors.flow import actor as run
from actors.table import Table

TABLES: tuple[Table, ...] = (du_root.TABLE, unfreeze_repo.TABLE, freeze_repo.TABLE, ping_registry.TABLE)
"""The ephemeral workflows."""

ACTORS: tuple[Actor[Any, Any, Any], ...] = (
    resource.ACTOR,
    workflow.ACTOR,
    workspace.ACTOR,
    execution.ACTOR,
    booking.ACTOR,
    shared_workspace.ACTOR,
    copy.ACTOR,
    peer.ACTOR,
    registry.ACTOR,
    repo.ACTOR,
    workflow_index.ACTOR,
    du_root.ACTOR,
    unfreeze_repo.ACTOR,
    freeze_repo.ACTOR,
    ping_registry.ACTOR,
    run.ACTOR,
    route.ACTOR,
    executable.ACTOR,
    command.ACTOR,
    job.ACTOR,
    routine.ACTOR,
    routine_run.ACTOR,
    environment.ACTOR,
    job_run.ACTOR,
    reservation.ACTOR,
    user.ACTOR,
    group.ACTOR,
    perimeter.ACTOR,
    grant.ACTOR,
    metadata_term.ACTOR,
    promotion.ACTOR,
)
