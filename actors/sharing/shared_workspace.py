"""A shared workspace: it lets peers have workspaces and workflows of this node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, ById, Effect, Need, Order, Rejected, Summary, Turn
from actors.fields import take
from actors.sharing import sharing
from messages import workflow, workspace
from messages.copies import Rule
from messages.envelope import Address
from messages.shared_workspace import (
    Announce,
    Announced,
    Command,
    Content,
    Delete,
    Deleted,
    Event,
    Forget,
    Forgotten,
    JoinRefused,
    MemberKind,
    Refused,
    Save,
    Saved,
)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without content it was never saved, or was deleted."""

    content: Content | None = None
    generation: int = 0
    joins: dict[str, int] = {}
    """The generation of the last ``join`` that each in it was told."""


def needs(command: Command, turn: Turn) -> Sequence[Need]:
    """Know the peers, workspaces and workflows that are named."""
    if not isinstance(command, Save):
        return []
    return [
        *(ById("peer", peer) for peer in command.peers if peer != turn.node),
        *(ById("workspace", id) for id in command.workspaces),
        *(ById("workflow", id) for id in command.workflows),
    ]


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Share only what is ours, with whom we know."""
    match command:
        case Save():
            return _save(state, command, turn)
        case Delete():
            return _delete(state, turn)
        case JoinRefused():
            last = state.joins.get(f"{command.kind}/{command.id}", 0)
            is_late = 0 < command.generation < last
            if is_late or not _has(state, command.kind, command.id):
                return []
            return [take(Refused, command, generation=state.generation + 1)]
        case Forget():
            if not _has(state, command.kind, command.id):
                return []
            return [Forgotten(kind=command.kind, id=command.id, generation=state.generation + 1)]
        case Announce():
            return [Announced(peer=command.peer)] if state.generation else []
    assert_never(command)


def _has(state: State, kind: MemberKind, id: str) -> bool:
    return state.content is not None and id in _members(state.content, kind)


def _members(content: Content, kind: MemberKind) -> tuple[str, ...]:
    return content.workspaces if kind == "workspace" else content.workflows


def _save(state: State, command: Save, turn: Turn) -> Sequence[Event]:
    if state.generation and state.content is None:
        raise Rejected("deleted", "the shared workspace was deleted; take another id")
    content = _own(take(Content, command), turn.node)
    for number, peer in enumerate(command.peers):
        if peer != turn.node:
            _check_peer(peer, f"/peers/{number}", turn)
    for number, rule in enumerate(command.rules):
        if rule.peer not in command.peers:
            raise Rejected(
                "unknown_peer", f"{rule.peer} has a rule and is not in peers", at=f"/rules/{number}"
            )
    for number, id in enumerate(command.workspaces):
        _check_workspace(id, f"/workspaces/{number}", turn)
    for number, id in enumerate(command.workflows):
        if turn.known.get(ById("workflow", id)) is None:
            raise Rejected("not_found", f"there is no workflow {id}", at=f"/workflows/{number}")
    return [] if content == state.content else [_saved(state, content)]


def _own(content: Content, node: str) -> Content:
    """Leave out what is said twice, and ourselves: a node is no peer of itself."""
    return replace(
        content,
        peers=tuple(dict.fromkeys(peer for peer in content.peers if peer != node)),
        workspaces=tuple(dict.fromkeys(content.workspaces)),
        workflows=tuple(dict.fromkeys(content.workflows)),
        rules=tuple(rule for rule in content.rules if rule.peer != node),
    )


def _check_peer(peer: str, at: str, turn: Turn) -> None:
    known = turn.known.get(ById("peer", peer))
    if known is None:
        raise Rejected("unknown_peer", f"we have not met {peer}; invite it or accept its invitation", at=at)
    if known.summary.status == "blocked":
        raise Rejected("peer_blocked", f"{peer} is blocked; resume it first", at=at)


def _check_workspace(id: str, at: str, turn: Turn) -> None:
    known = turn.known.get(ById("workspace", id))
    if known is None:
        raise Rejected("not_found", f"there is no workspace {id}", at=at)
    shared = known.summary.fields.get("shared")
    if shared and shared != turn.me.id:
        detail = f"the workspace {id} is in {shared}; take it out there first"
        raise Rejected("workspace_shared_elsewhere", detail, at=at, extra={"shared": shared})


def _saved(state: State, content: Content) -> Saved:
    before = state.content or Content(name=content.name)
    is_same = (before.peers, before.rules) == (content.peers, content.rules)
    return take(
        Saved,
        content,
        generation=state.generation + 1,
        told_workspaces=_without(content.workspaces, before.workspaces if is_same else ()),
        told_workflows=_without(content.workflows, before.workflows if is_same else ()),
        left_workspaces=_without(before.workspaces, content.workspaces),
        left_workflows=_without(before.workflows, content.workflows),
        left_peers=_without(before.peers, content.peers),
    )


def _without(members: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    rest = set(others)
    return tuple(member for member in members if member not in rest)


def _delete(state: State, turn: Turn) -> Sequence[Event]:
    if state.generation == 0:
        raise Rejected("not_found", f"there is no shared workspace {turn.me.id}")
    content = state.content
    if content is None:
        return []
    deleted = Deleted(
        generation=state.generation + 1,
        left_workspaces=content.workspaces,
        left_workflows=content.workflows,
        left_peers=content.peers,
    )
    return [deleted]


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last, less what could not stay."""
    match event:
        case Saved():
            return State(
                content=take(Content, event),
                generation=event.generation,
                joins=_joined(state.joins, event),
            )
        case Deleted():
            return State(generation=event.generation)
        case Refused() | Forgotten():
            rest = _less(state.content, event.kind, event.id)
            return replace(state, content=rest, generation=event.generation)
        case Announced():
            return state
    assert_never(event)


def _joined(joins: dict[str, int], event: Saved) -> dict[str, int]:
    told = [f"workspace/{id}" for id in event.told_workspaces]
    told += [f"workflow/{id}" for id in event.told_workflows]
    left = {f"workspace/{id}" for id in event.left_workspaces}
    left |= {f"workflow/{id}" for id in event.left_workflows}
    kept = {member: generation for member, generation in joins.items() if member not in left}
    return kept | dict.fromkeys(told, event.generation)


def _less(content: Content | None, kind: MemberKind, id: str) -> Content | None:
    if content is None:
        return None
    rest = _without(_members(content, kind), [id])
    return replace(content, workspaces=rest) if kind == "workspace" else replace(content, workflows=rest)


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Tell those in it who their readers are, and the peers what is in it."""
    match event:
        case Saved():
            content = take(Content, event)
            joins = _joins(content, event, turn)
            peers = [*content.peers, *event.left_peers]
            return [*joins, *_leaves(event, turn), *_puts(state, turn, peers)]
        case Deleted():
            return [*_leaves(event, turn), *_puts(state, turn, event.left_peers)]
        case Refused() | Forgotten():
            return _puts(state, turn, state.content.peers if state.content else ())
        case Announced():
            return _puts(state, turn, [event.peer])
    assert_never(event)


def _joins(content: Content, event: Saved, turn: Turn) -> list[Order]:
    words: dict[str, Any] = {
        "shared_workspace": turn.me.id,
        "generation": event.generation,
        "peers": content.peers,
        "rules": content.rules,
    }
    return [
        *(Order(Address("workspace", id), workspace.Join(**words)) for id in event.told_workspaces),
        *(Order(Address("workflow", id), workflow.Join(**words)) for id in event.told_workflows),
    ]


def _leaves(event: Saved | Deleted, turn: Turn) -> list[Order]:
    words: dict[str, Any] = {"shared_workspace": turn.me.id, "generation": event.generation}
    return [
        *(Order(Address("workspace", id), workspace.Leave(**words)) for id in event.left_workspaces),
        *(Order(Address("workflow", id), workflow.Leave(**words)) for id in event.left_workflows),
    ]


def _puts(state: State, turn: Turn, peers: Iterable[str]) -> list[Order]:
    content = state.content
    owned = sharing.Owned(
        address=turn.me,
        node=turn.node,
        name="" if content is None else content.name,
        generation=state.generation,
        revision=0,
        body={} if content is None else msgspec.to_builtins(content),
    )
    rights = {} if content is None else sharing.readers({turn.me.id: _share(state, content)}, turn.node)
    return sharing.puts(owned, rights, peers)


def copies(state: State, peer: str, _node: str) -> tuple[int, int] | None:
    """Return the age of the copy that a peer in it should hold."""
    return (state.generation, 0) if state.content is not None and peer in state.content.peers else None


def _share(state: State, content: Content) -> sharing.Share:
    rules: tuple[Rule, ...] = content.rules
    return sharing.Share(generation=state.generation, peers=content.peers, rules=rules)


def summary(state: State) -> Summary | None:
    """Show who shares what."""
    content = state.content
    if content is None:
        return None
    fields = {"peers": content.peers, "workspaces": content.workspaces, "workflows": content.workflows}
    return Summary(name=content.name, labels=content.labels, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    if state.content is None:
        return None
    return {**msgspec.to_builtins(state.content), "generation": state.generation}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="shared_workspace",
    commands=(Save, Delete, JoinRefused, Forget, Announce),
    events=(Saved, Deleted, Refused, Forgotten, Announced),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    needs=needs,
    summary=summary,
    filters=frozenset({"peers", "workspaces", "workflows"}),
    view=view,
    copies=copies,
    internal=frozenset({"join_refused", "forget", "announce"}),
)
