"""A route: one method and path of the HTTP listener belongs to one active workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never, get_args

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, Rejected, Summary, Turn
from actors.fields import take
from actors.workflow import triggers
from messages.route import Claim, Claimed, Command, Event, Release, Released
from messages.triggers import HttpTrigger

ACTIVE, INACTIVE = "active", "inactive"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Whom requests are for; without a trigger: nobody."""

    workflow: str = ""
    generation: int = 0
    trigger: HttpTrigger | None = None
    is_active: bool = False
    environment: str = "main"


def decide(state: State, command: Command, _turn: Turn) -> Sequence[Event]:
    """Serve the first that comes; an inactive one gives way."""
    is_own = state.workflow == command.workflow
    if is_own and command.generation < state.generation:
        return []
    match command:
        case Claim():
            if state.trigger is not None and not is_own:
                if not command.is_active:
                    return []
                if state.is_active:
                    raise Rejected("route_taken", f"the workflow {state.workflow} has it")
            claimed = take(Claimed, command)
            return [] if evolve(state, claimed) == state else [claimed]
        case Release():
            return [take(Released, command)] if is_own and state.trigger is not None else []
    assert_never(command)


def evolve(state: State, event: Event) -> State:
    """Hold whom requests are for."""
    match event:
        case Claimed():
            return take(State, event)
        case Released():
            return replace(state, generation=event.generation, trigger=None, is_active=False)
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Stand under its workflow, by its method and shape."""
    trigger = state.trigger
    if trigger is None:
        return None
    fields = {"method": trigger.method, "path": trigger.path}
    status = ACTIVE if state.is_active else INACTIVE
    return Summary(status=status, name=triggers.shape(trigger), parent=state.workflow, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the trigger; of its secret, the name."""
    if state.trigger is None:
        return None
    shown: dict[str, Any] = msgspec.to_builtins(state.trigger)
    shown["trigger"] = shown.pop("id")
    del shown["type"]
    return {"workflow": state.workflow, "status": ACTIVE if state.is_active else INACTIVE, **shown}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="route",
    commands=get_args(Command),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    summary=summary,
    filters=frozenset({"method", "path"}),
    view=view,
    internal=frozenset({"claim", "release"}),
    belongs_to="workflow",
)
