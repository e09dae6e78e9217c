"""A workflow in several environments: each is a workflow of its own that knows which one it was first."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeAlias

from msgspec.structs import replace

from actors.actor import Effect, Order, Rejected, Turn
from actors.fields import take
from actors.workflow.defining import State
from actors.workflow.scheduled import derived
from messages import promotion
from messages.envelope import Address, derive
from messages.workflow import Definition, Deploy, NoteDeployment, Promote, Save
from messages.workflow_events import DeploymentNoted, Forked, Saved

ID_CHARACTERS = 32
TOKEN_CHARACTERS = 64

Command: TypeAlias = Promote | NoteDeployment


def decide(state: State, command: Command, turn: Turn) -> Sequence[DeploymentNoted]:
    """Pass a promotion on, and note where it has led."""
    if state.definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    if isinstance(command, Promote) or state.deployments.get(command.environment) == command.workflow:
        return []
    return [take(DeploymentNoted, command)]


def origin(state: State, turn: Turn) -> str:
    """Return the workflow that it was first."""
    return state.origin or turn.me.id


def default_id(first: str, environment: str) -> str:
    """Return the id that a workflow has in another environment; it fits in a token."""
    id = f"{first}-{environment}"
    if len(id) <= TOKEN_CHARACTERS:
        return id
    return f"{id[: TOKEN_CHARACTERS - 13]}-{blake2b(id.encode(), digest_size=6).hexdigest()}"


def promotion_id(command: Promote, turn: Turn) -> str:
    """Return the id of the promotion that a command begins."""
    return command.promotion or derive(turn.message, "promotion")[:ID_CHARACTERS]


def begin(state: State, command: Promote, turn: Turn) -> Sequence[Effect]:
    """Have the promotion look into it; it takes along what the workflow is now."""
    definition, first = state.definition, origin(state, turn)
    if definition is None:
        return []
    begun = promotion.Begin(
        workflow=turn.me.id,
        origin=first,
        workflow_version=state.versions[-1].number if state.versions else 0,
        environment=definition.environment,
        to=command.to,
        into=command.into or default_id(first, command.to),
        definition=definition,
        is_plan=command.plan,
        by=turn.sender,
    )
    return [Order(Address("promotion", promotion_id(command, turn)), begun)]


def saved(command: Deploy) -> Save:
    """Return the save that a deployment is."""
    return take(Save, replace(command.definition, environment=command.environment))


def wanted(state: State, command: Deploy, turn: Turn) -> Save | None:
    """Return what is to be saved here, None when it is so already; raise Rejected when it may not be."""
    before = state.definition
    definition = derived(_kept(before, take(Definition, saved(command))), before, turn.at)
    if before is not None:
        is_same = before.environment == command.environment and origin(state, turn) == command.origin
        if not is_same:
            detail = f"{turn.me.id} in {before.environment} is another workflow; take another id: --into"
            raise Rejected("already_exists", detail, at="/into")
        if before == definition and state.promotion == command.promotion:
            return None
    if state.generation != command.generation:
        raise Rejected("changed_since", f"{turn.me.id} was changed meanwhile; look at it, and promote again")
    return take(Save, definition)


def _kept(before: Definition | None, definition: Definition) -> Definition:
    """Leave to people there what they have switched off or on."""
    if before is None:
        return definition
    is_scheduled = before.schedule_active and definition.schedule is not None
    return replace(definition, active=before.active, schedule_active=is_scheduled)


def noted(state: State, event: Forked | DeploymentNoted) -> State:
    """Know of another workflow that was made of this one."""
    if isinstance(event, Forked):
        return replace(state, forks=(*state.forks, event.into))
    return replace(state, deployments={**state.deployments, event.environment: event.workflow})


def told(state: State, by: str) -> Order:
    """Tell the promotion that it is here."""
    number = state.versions[-1].number if state.versions else 0
    deployed = promotion.Deployed(generation=state.generation, workflow_version=number)
    return Order(Address("promotion", by), deployed)


def arrived(state: State, event: Saved) -> list[Order]:
    """Tell the promotion that has saved it, if one has."""
    return [told(state, event.promotion)] if event.promotion else []


def refused(command: Deploy, no: Rejected) -> list[Order]:
    """Tell the promotion why it is not here."""
    failed = promotion.Failed(code=no.code, detail=no.detail)
    return [Order(Address("promotion", command.promotion), failed)]
