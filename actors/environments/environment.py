"""An environment: what the runs of its workflows are given, and where workflows come from into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, get_args

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, ById, Effect, Known, Need, Order, Question, Rejected, Summary, Task, Turn
from actors.environments import belongings
from actors.environments.belongings import State
from actors.fields import take
from actors.workflow.triggers import RESERVED
from messages import environment
from messages.envelope import Address
from messages.environment import (
    MAIN,
    Contents,
    Create,
    Created,
    Delete,
    Deleted,
    Deleting,
    Emptied,
    Empty,
    Event,
    Fill,
    Filled,
    Kept,
    Lend,
    PolicySet,
    RemoveConnection,
    RemoveSecret,
    RemoveVariable,
    Rename,
    Renamed,
    SetConnection,
    SetPolicy,
    SetSecret,
    SetVariable,
)

ACTIVE, DELETING = "active", "deleting"
QUEUE = "environments"
NAMES_SHOWN = 10
Command: TypeAlias = environment.Command
Belonging: TypeAlias = (
    SetVariable | RemoveVariable | SetSecret | RemoveSecret | SetConnection | RemoveConnection
)


def needs(command: Command, _turn: Turn) -> Sequence[Need]:
    """Know which of the environments that are named exist."""
    match command:
        case Create():
            names = (*command.follows, *([command.source] if command.source else []))
        case SetPolicy():
            names = command.follows
        case _:
            names = ()
    return [ById("environment", name) for name in dict.fromkeys(names)]


def is_there(name: str, turn: Turn) -> bool:
    """Say whether an environment that was asked for exists; the main one always does."""
    known: Known | None = turn.known.get(ById("environment", name))
    return name == MAIN or (known is not None and known.summary.status == ACTIVE)


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Keep what is set; what is removed already, or is so already, changes nothing."""
    if isinstance(command, Create):
        return _create(state, command, turn)
    if isinstance(command, Emptied):
        return _emptied(state, command)
    if state.status == "" and turn.me.id != MAIN:
        raise Rejected("not_found", f"there is no environment {turn.me.id}: covey environment create")
    match command:
        case Rename():
            return [Renamed(label=command.label)] if command.label != state.label else []
        case SetPolicy():
            _check_follows(command.follows, turn)
            return [PolicySet(follows=command.follows)] if command.follows != state.follows else []
        case Delete():
            return _delete(state, command, turn)
        case Lend():
            return []
        case Fill():
            return _fill(state, command)
    return belongings.decide(state, command)


def _create(state: State, command: Create, turn: Turn) -> Sequence[Event]:
    created = take(Created, command)
    if state.status:
        if created == state.created:
            return []
        raise Rejected("already_exists", f"there is an environment {turn.me.id}; take another name")
    if turn.me.id in RESERVED:
        raise Rejected("invalid_name", f"requests to /{turn.me.id} are the listener's own; take another name")
    _check_follows(command.follows, turn)
    if command.source is not None and not is_there(command.source, turn):
        raise Rejected("no_environment", f"there is no environment {command.source}", at="/from")
    return [created]


def _check_follows(follows: Sequence[str], turn: Turn) -> None:
    for place, name in enumerate(follows):
        if name == turn.me.id:
            raise Rejected("invalid_policy", "an environment does not follow itself", at=f"/follows/{place}")
        if not is_there(name, turn):
            raise Rejected("no_environment", f"there is no environment {name}", at=f"/follows/{place}")


def _delete(state: State, command: Delete, turn: Turn) -> Sequence[Event]:
    me = turn.me.id
    if me == MAIN:
        raise Rejected("main_stays", f"the environment {MAIN} always exists")
    if command.confirm != me:
        detail = f"all its workflows go with it; give confirm: {me} when you have looked which these are"
        raise Rejected("not_confirmed", detail, at="/confirm")
    return [] if state.status == DELETING else [Deleting()]


def _emptied(state: State, command: Emptied) -> Sequence[Event]:
    if state.status != DELETING:
        return []
    return [Kept(kept=command.kept)] if command.kept else [Deleted()]


def _fill(state: State, command: Fill) -> Sequence[Event]:
    filled = take(Filled, command)
    return [] if state.is_filled else [filled]


def evolve(state: State, event: Event) -> State:
    """Hold what was set last."""
    state = replace(state, revision=state.revision + 1)
    match event:
        case Created():
            fresh = State(status=ACTIVE, label=event.label, follows=event.follows, created=event)
            return replace(fresh, revision=state.revision)
        case Renamed():
            return replace(state, status=state.status or ACTIVE, label=event.label)
        case PolicySet():
            return replace(state, status=state.status or ACTIVE, follows=event.follows)
        case Filled():
            return belongings.filled(state, event)
        case Deleting():
            return replace(state, status=DELETING, kept={})
        case Kept():
            return replace(state, status=ACTIVE, kept=event.kept)
        case Deleted():
            return State(revision=state.revision)
        case _:
            return replace(belongings.evolve(state, event), status=state.status or ACTIVE)


def react(_state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Ask the other environment for what it has, and have the workflows deleted."""
    match event:
        case Created() if event.source:
            return [Order(Address("environment", event.source), Lend(to=turn.me.id))]
        case Deleting():
            return [Task(QUEUE, Empty(environment=turn.me.id))]
    return []


def passes(state: State, command: Command, _turn: Turn) -> Sequence[Effect]:
    """Let another environment have all but the values of secrets: they are set where they are used."""
    if not isinstance(command, Lend):
        return []
    fill = Fill(variables=state.variables, secrets=tuple(state.secrets), connections=state.connections)
    return [Order(Address("environment", command.to), fill)]


def summary(state: State) -> Summary | None:
    """Stand in the listing by its label, with what it follows."""
    if not state.status:
        return None
    fields = {"follows": list(state.follows), "revision": state.revision}
    return Summary(status=state.status, name=state.label, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show all but the secrets: of these, which are set."""
    if not state.status:
        return None
    return {
        "status": state.status,
        "label": state.label,
        "follows": list(state.follows),
        "variables": state.variables,
        "secrets": {name: sealed is not None for name, sealed in state.secrets.items()},
        "connections": msgspec.to_builtins(state.connections),
        "kept": state.kept,
        "revision": state.revision,
    }


def _contents(state: State, _asked: Contents, turn: Turn) -> dict[str, Any]:
    if not state.status and turn.me.id != MAIN:
        raise Rejected("not_found", f"there is no environment {turn.me.id}")
    return {
        "variables": state.variables,
        "secrets": state.secrets,
        "connections": msgspec.to_builtins(state.connections),
    }


QUESTIONS: Mapping[str, Question[State]] = {"contents": Question(query=Contents, answer=_contents)}

ACTOR: Actor[State, Any, Any] = Actor(
    kind="environment",
    commands=get_args(Command),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    passes=passes,
    needs=needs,
    summary=summary,
    filters=frozenset({"follows", "revision"}),
    view=view,
    questions=QUESTIONS,
    internal=frozenset({"lend", "fill", "emptied"}),
)
