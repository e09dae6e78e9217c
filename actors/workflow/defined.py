"""What is shown of a workflow: to a listing, to who asks, and to its peers."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.actor import Summary, Turn
from actors.rights import metadata_term
from actors.rights.rights import PERIMETERS
from actors.sharing import sharing
from actors.workflow import access, triggers
from actors.workflow.defining import State, known_as


def summary(state: State) -> Summary | None:
    """Show how its plan stands, the same for a copy of it at a peer."""
    definition = state.definition
    if definition is None:
        return None
    return Summary(
        status=state.plans.status,
        name=known_as(definition),
        labels=definition.labels,
        fields={
            "active": definition.active,
            "schedule_active": definition.schedule_active,
            "environment": definition.environment,
            "workspace": state.workspace,
            "shared": list(sharing.inside(state.shares)),
            **({"paused": True} if state.plans.starts.is_paused else {}),
            **({PERIMETERS: list(definition.perimeters)} if definition.perimeters else {}),
            **metadata_term.shown(definition.metadata),
            **({"origin": state.origin} if state.origin else {}),
            **({"on_events": True} if triggers.on_events(definition.triggers) else {}),
            **({access.ACCESS: shown} if (shown := access.shown(definition.triggers)) else {}),
        },
    )


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields, what belongs to it, and how its plan stands."""
    if state.definition is None:
        return None
    pending = state.plans.pending
    return {
        **msgspec.to_builtins(state.definition),
        "generation": state.generation,
        "workflow_version": state.versions[-1].number if state.versions else 0,
        "workspace": state.workspace,
        "origin": state.origin,
        "promotion": state.promotion,
        "deployments": state.deployments,
        "shared": list(sharing.inside(state.shares)),
        "plan": state.plans.status,
        "waiting": list(pending.waiting_for) if pending else [],
        "refusals": msgspec.to_builtins(state.plans.refusals),
        "paused": paused(state),
        "running": [*state.plans.starts.starting, *state.plans.running],
        "buffered": [one.slot.execution for one in state.plans.starts.waiting],
    }


def paused(state: State) -> dict[str, Any] | None:
    """Return since when its schedule is paused, by whom and why."""
    pause = state.plans.starts.pause
    if pause is None or not state.plans.starts.is_paused:
        return None
    return {"since": msgspec.to_builtins(pause.since), "note": pause.note, "author": pause.author}


def copies(state: State, peer: str, node: str) -> tuple[int, int] | None:
    """Return what a peer that it is shared with should hold."""
    is_reader = state.definition is not None and peer in sharing.readers(state.shares, node)
    return (state.generation, state.revision) if is_reader else None


def owned_by(state: State, turn: Turn) -> sharing.Owned:
    """Return what the peers that it is shared with are told of it."""
    return sharing.Owned(
        address=turn.me,
        node=turn.node,
        name="" if state.definition is None else state.definition.name,
        generation=state.generation,
        revision=state.revision,
        body={} if state.definition is None else msgspec.to_builtins(state.definition),
    )
