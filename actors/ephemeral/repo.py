"""A repository: the files below a path, their tier, and the error that keeps it from the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, Need, Rejected, Summary, Turn
from actors.ephemeral import tiers
from actors.fields import take
from messages.repo import (
    AbortFreeze,
    AbortUnfreeze,
    BeginFreeze,
    BeginUnfreeze,
    ClearError,
    Command,
    CommitFreeze,
    CommitUnfreeze,
    ErrorCleared,
    ErrorStored,
    Event,
    Init,
    Initialized,
    Move,
    TierChanged,
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which repository it is."""

    registry_id: str
    registry_name: str
    global_path: str


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last workflow has failed."""

    code: int
    message: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without a place it was never made."""

    place: Place | None = None
    held: tiers.Held = tiers.Held()
    error: Error | None = None


def needs(command: Command, _turn: Turn) -> Sequence[Need]:
    """Know the workflow that takes the repository."""
    match command:
        case Init() | ClearError():
            return []
        case BeginUnfreeze() | CommitUnfreeze() | AbortUnfreeze():
            return tiers.needs(command, tiers.UNFREEZE)
        case BeginFreeze() | CommitFreeze() | AbortFreeze():
            return tiers.needs(command, tiers.FREEZE)
    assert_never(command)


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Let one workflow at a time take it, and none while there is an error."""
    if state.place is None and not isinstance(command, Init):
        raise Rejected("not_found", f"there is no repository {turn.me.id}; its registry makes it: init_repo")
    match command:
        case Init():
            return _init(state, command)
        case ClearError():
            return [ErrorCleared()] if state.error else []
        case BeginUnfreeze() | CommitUnfreeze() | AbortUnfreeze():
            return _move(state, command, tiers.UNFREEZE, turn)
        case BeginFreeze() | CommitFreeze() | AbortFreeze():
            return _move(state, command, tiers.FREEZE, turn)
    assert_never(command)


def _init(state: State, command: Init) -> Sequence[Event]:
    if state.place is None:
        return [take(Initialized, command)]
    if state.place == take(Place, command):
        return []
    place = state.place
    raise Rejected("not_idempotent", f"it is {place.global_path} of {place.registry_id}")


def _move(state: State, command: Move, direction: tiers.Direction, turn: Turn) -> Sequence[Event]:
    if isinstance(command, BeginUnfreeze | BeginFreeze) and state.error is not None:
        detail = f"{state.error.message} (code {state.error.code}); mend it, then clear_error"
        raise Rejected("repo_has_error", detail, extra=msgspec.to_builtins(state.error))
    tier = tiers.move(state.held, command, direction, turn)
    if tier is None:
        return []
    changed = TierChanged(tier=tier, workflow=command.workflow)
    if isinstance(command, AbortUnfreeze | AbortFreeze):
        return [changed, take(ErrorStored, command)]
    return [changed]


def evolve(state: State, event: Event) -> State:
    """Hold the tier, who brought it there, and what went wrong."""
    match event:
        case Initialized():
            return replace(state, place=take(Place, event))
        case TierChanged():
            return replace(state, held=take(tiers.Held, event))
        case ErrorStored():
            return replace(state, error=take(Error, event))
        case ErrorCleared():
            return replace(state, error=None)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Show all but the error: what workflows and resources need to know."""
    if state.place is None:
        return None
    fields = {**msgspec.to_builtins(state.place), **msgspec.to_builtins(state.held)}
    return Summary(
        status=state.held.tier, name=state.place.global_path, parent=state.place.registry_id, fields=fields
    )


def view(state: State) -> dict[str, Any] | None:
    """Show everything."""
    if state.place is None:
        return None
    return {
        **msgspec.to_builtins(state.place),
        **msgspec.to_builtins(state.held),
        "error": msgspec.to_builtins(state.error),
    }


ACTOR: Actor[State, Command, Event] = Actor(
    kind="repo",
    commands=(
        ClearError,
        BeginUnfreeze,
        CommitUnfreeze,
        AbortUnfreeze,
        BeginFreeze,
        CommitFreeze,
        AbortFreeze,
        Init,
    ),
    events=(Initialized, TierChanged, ErrorStored, ErrorCleared),
    initial=State(),
    decide=decide,
    evolve=evolve,
    needs=needs,
    summary=summary,
    filters=frozenset({*Place.__struct_fields__, *tiers.Held.__struct_fields__}),
    view=view,
    internal=frozenset({"init"}),
    belongs_to="registry",
)
