"""The copy of an entity that another node owns: only its owner changes it, and no one hears of it from us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, ById, ByName, Effect, Need, Order, Rejected, Summary, Turn
from actors.fields import take
from messages import workflow, workspace
from messages.copies import Drop, Fork, Propose, ProposeRefused, Put, Right, copy_id
from messages.copy_events import Dropped, Forked, ProposalRefused, Proposed, Stored
from messages.envelope import Address

KINDS = frozenset({"resource", "workflow", "workspace", "shared_workspace"})
FORKS = 100
"""How many forks of one copy are remembered, so that a fork that is asked for again is not made again."""

Command: TypeAlias = Put | Drop | Fork | Propose | ProposeRefused
Event: TypeAlias = Stored | Dropped | Forked | Proposed | ProposalRefused


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The last change that the owner was asked for."""

    generation: int
    status: Literal["sent", "refused"] = "sent"
    body: dict[str, Any]
    code: str = ""
    detail: str = ""
    stored: int | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner said last."""

    owner: str = ""
    kind: str = ""
    id: str = ""
    name: str = ""
    generation: int = 0
    version: int = 0
    body: dict[str, Any] = {}
    can: tuple[Right, ...] = ()
    is_held: bool = False
    """Whether there is a copy; without it only its age is known, so that what is older comes to nothing."""
    forks: tuple[str, ...] = ()
    proposal: Proposal | None = None


def needs(command: Command, _turn: Turn) -> Sequence[Need]:
    """Know whether the id and the name of a fork are free."""
    if not isinstance(command, Fork):
        return []
    return [ById("workflow", command.into), ByName("workflow", command.name)]


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Believe the owner, and nobody else."""
    match command:
        case Put():
            _check_owner(command, turn)
            is_new = state.owner == "" or _age(command) > _age(state)
            return [take(Stored, command)] if is_new else []
        case Drop():
            _check_owner(command, turn)
            is_new = state.owner == "" or _age(command) > _age(state)
            is_gone = is_new or (state.is_held and _age(command) == _age(state))
            return [take(Dropped, command)] if is_gone else []
        case Fork():
            return _fork(state, command, turn)
        case Propose():
            return _propose(state, command)
        case ProposeRefused():
            return _refuse(state, command, turn)
    assert_never(command)


def _check_owner(command: Put | Drop, turn: Turn) -> None:
    if turn.peer != command.owner:
        raise Rejected("not_owner", f"{turn.peer or turn.node} does not own what is {command.owner}'s")
    if command.kind not in KINDS:
        raise Rejected("not_granted", f"no copies are made of {command.kind}")
    if turn.me.id != copy_id(command.owner, command.kind, command.id):
        raise Rejected("misaddressed", "this is the copy of something else")


def _age(said: Put | Drop | State) -> tuple[int, int]:
    return said.generation, said.version


def _fork(state: State, command: Fork, turn: Turn) -> Sequence[Event]:
    _check_held(state)
    if state.kind != "workflow":
        raise Rejected("not_granted", f"this is a {state.kind}; only a workflow can be forked")
    if command.into in state.forks:
        return []
    if turn.known.get(ById("workflow", command.into)) is not None:
        raise Rejected("already_exists", f"there is a workflow {command.into}; take another id", at="/into")
    if turn.known.get(ByName("workflow", command.name)) is not None:
        raise Rejected("already_exists", "a workflow has this name; choose another", at="/name")
    forked(state, command.name, turn.node)
    return [Forked(into=command.into, name=command.name)]


def forked(state: State, name: str, node: str) -> workflow.Save:
    """Return what makes an own workflow of the copy; raise Rejected when its owner knows more than we do."""
    fields = {field.encode_name for field in msgspec.structs.fields(workflow.Save)}
    body = {field: value for field, value in state.body.items() if field in fields}
    try:
        save = msgspec.convert(body | {"name": name, "schedule_active": False}, workflow.Save)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_message", f"the copy cannot be read: {error}") from error
    resources = {
        kind: tuple(_reference(id, state.owner, node) for id in ids) for kind, ids in save.resources.items()
    }
    return replace(save, resources=resources, graph=_graph(save.graph, state.owner, node))


def _graph(graph: workflow.Graph | None, owner: str, node: str) -> workflow.Graph | None:
    if graph is None:
        return None
    items = {
        id: item if item.resource is None else replace(item, resource=_reference(item.resource, owner, node))
        for id, item in graph.items.items()
    }
    return replace(graph, items=items)


def _reference(resource: str, owner: str, node: str) -> str:
    """Return how we call what the owner calls so."""
    if "/" not in resource:
        return f"{owner}/{resource}"
    return resource.removeprefix(f"{node}/")


def _check_held(state: State) -> None:
    if not state.is_held:
        raise Rejected("not_found", "there is no such copy")


def _propose(state: State, command: Propose) -> Sequence[Event]:
    _check_held(state)
    if "write" not in state.can or state.kind not in ("workflow", "workspace"):
        detail = f"{state.owner} lets us read its {state.kind} {state.id}, not write it"
        raise Rejected("not_granted", detail)
    generation = state.generation if command.generation is None else command.generation
    asked = state.proposal
    if asked is not None and (asked.status, asked.generation, asked.body) == (
        "sent",
        generation,
        command.body,
    ):
        return []
    return [Proposed(generation=generation, body=command.body)]


def _refuse(state: State, command: ProposeRefused, turn: Turn) -> Sequence[Event]:
    if not state.owner or turn.peer != state.owner:
        raise Rejected("not_owner", f"{turn.peer or turn.node} does not own this")
    asked = state.proposal
    if asked is None or asked.status != "sent" or asked.generation != command.generation:
        return []
    return [take(ProposalRefused, command)]


def evolve(state: State, event: Event) -> State:
    """Hold what the owner said last, whole: an update is a deletion and an addition at once."""
    match event:
        case Stored():
            asked = state.proposal
            is_past = asked is None or asked.generation < event.generation
            proposal = None if is_past else asked
            return take(State, event, is_held=True, forks=state.forks, proposal=proposal)
        case Dropped():
            return take(State, event, forks=state.forks)
        case Forked():
            return replace(state, forks=(*state.forks, event.into)[-FORKS:])
        case Proposed():
            return replace(state, proposal=Proposal(generation=event.generation, body=event.body))
        case ProposalRefused():
            asked = state.proposal or Proposal(generation=event.generation, body={})
            refused = {"code": event.code, "detail": event.detail, "stored": event.stored}
            return replace(state, proposal=replace(asked, status="refused", **refused))
    assert_never(event)


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Make the fork, and ask the owner; nobody else is told of what an owner said."""
    match event:
        case Forked():
            return [Order(Address("workflow", event.into), forked(state, event.name, turn.node))]
        case Proposed():
            words: dict[str, Any] = {
                "generation": event.generation,
                "body": event.body,
                "reply_to": Address("copy", turn.me.id, turn.node),
            }
            is_workflow = state.kind == "workflow"
            command = workflow.Propose(**words) if is_workflow else workspace.Propose(**words)
            return [Order(Address(state.kind, state.id, state.owner), command)]
        case Stored() | Dropped() | ProposalRefused():
            return []
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Show it among the entities of its kind, under its owner's name."""
    if not state.is_held:
        return None
    shown = ("type", "attributes", "public", "repo") if state.kind == "resource" else ()
    fields = {field: state.body[field] for field in shown if field in state.body}
    labels = state.body.get("labels")
    words = labels.items() if isinstance(labels, dict) else ()
    return Summary(
        name=state.name,
        owner=state.owner,
        labels={word: value for word, value in words if isinstance(value, str)},
        fields={**fields, "generation": state.generation, "can": state.can},
        shown_as=state.kind,
        shown_id=f"{state.owner}/{state.id}",
    )


def view(state: State) -> dict[str, Any] | None:
    """Show what the owner said, and what became of our last proposal."""
    if not state.is_held:
        return None
    return {
        **state.body,
        "name": state.name,
        "owner": state.owner,
        "generation": state.generation,
        "owner_version": state.version,
        "can": state.can,
        "proposal": state.proposal,
    }


ACTOR: Actor[State, Command, Event] = Actor(
    kind="copy",
    commands=(Fork, Propose, Put, Drop, ProposeRefused),
    events=(Stored, Dropped, Forked, Proposed, ProposalRefused),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    needs=needs,
    summary=summary,
    filters=frozenset({"type", "attributes", "public", "repo", "generation", "can"}),
    view=view,
    internal=frozenset({"put", "drop", "propose_refused"}),
    peers_may=frozenset({"put", "drop", "propose_refused"}),
)
