"""Who decides: one pure module per kind of entity, registered here."""

from typing import Any

from actors import resource
from actors.actor import Actor
from actors.booking import booking, reservation
from actors.environments import environment, promotion
from actors.ephemeral import (
    du_root,
    freeze_repo,
    ping_registry,
    registry,
    repo,
    unfreeze_repo,
    workflow_index,
)
from actors.ephemeral.table import Table
from actors.execution import execution
from actors.flow import actor as run
from actors.jobs import command, executable, job, job_run
from actors.peers import copy, peer
from actors.rights import grant, group, metadata_term, perimeter, user
from actors.routines import routine, routine_run
from actors.sharing import shared_workspace, workspace
from actors.workflow import route, workflow

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
