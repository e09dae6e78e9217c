"""A workspace: resources to work with, of a person's choosing or following a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from msgspec.structs import replace

from actors.actor import Actor, ByName, Effect, Need, Order, Rejected, Turn
from actors.fields import take
from actors.sharing import sharing
from actors.sharing.content import State, copies, owned_by, summary, view
from messages.envelope import Address
from messages.shared_workspace import Forget, JoinRefused
from messages.workflow import WorkspaceTaken
from messages.workspace import (
    Announce,
    Announced,
    Command,
    Content,
    Delete,
    Deleted,
    Event,
    Follow,
    Followed,
    Join,
    Joined,
    Leave,
    Left,
    Propose,
    Save,
    Saved,
    Unfollow,
)


def needs(command: Command, _turn: Turn) -> Sequence[Need]:
    """Know who has the name already."""
    match command:
        case Save():
            return [ByName("workspace", command.name)]
        case Propose():
            name = command.body.get("name")
            return [ByName("workspace", name)] if isinstance(name, str) else []
    return []


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Let a person write it, unless it follows a workflow."""
    match command:
        case Save():
            return _save(state, command, turn)
        case Delete():
            return _delete(state, turn)
        case Propose():
            return _propose(state, command, turn)
        case Follow():
            return _follow(state, command)
        case Unfollow():
            return _unfollow(state, command, turn)
        case Join():
            return _join(state, command, turn)
        case Leave():
            return _leave(state, command, turn)
        case Announce():
            return [Announced(peer=command.peer)] if state.generation else []
    assert_never(command)


def _save(state: State, command: Content, turn: Turn) -> Sequence[Event]:
    _check_by_hand(state, turn)
    if state.generation and state.content is None:
        raise Rejected("deleted", "the workspace was deleted; take another id")
    other = turn.known.get(ByName("workspace", command.name))
    if other is not None and other.id != turn.me.id:
        detail = f"the workspace {other.id} has this name; choose another"
        raise Rejected("already_exists", detail, at="/name")
    content = take(Content, command)
    return [] if content == state.content else [take(Saved, content, generation=state.generation + 1)]


def _delete(state: State, turn: Turn) -> Sequence[Event]:
    if state.generation == 0:
        raise Rejected("not_found", f"there is no workspace {turn.me.id}")
    _check_by_hand(state, turn)
    return [] if state.content is None else [_deleted(state, turn, state.workflow_generation)]


def _check_by_hand(state: State, turn: Turn) -> None:
    if state.is_contextual:
        detail = f"{turn.me.id} follows the workflow {state.workflow}; change that"
        raise Rejected("not_owner", detail, extra={"workflow": state.workflow})


def _deleted(state: State, turn: Turn, workflow_generation: int) -> Deleted:
    return Deleted(
        generation=state.generation + 1,
        workflow=state.workflow,
        workflow_generation=workflow_generation,
        readers=tuple(sharing.readers(state.shares, turn.node)),
        shared=sharing.inside(state.shares),
    )


def _propose(state: State, command: Propose, turn: Turn) -> Sequence[Event]:
    rights = sharing.readers(state.shares, turn.node)
    sharing.check_right(rights, turn.peer)
    save = sharing.proposed(Save, command.body)
    if take(Content, save) == state.content:
        return []
    sharing.check_generation(command.generation, state.generation)
    return _save(state, save, turn)


def _follow(state: State, command: Follow) -> Sequence[Event]:
    if state.is_contextual and state.workflow != command.workflow:
        raise Rejected("not_owner", f"it follows the workflow {state.workflow}")
    if state.workflow == command.workflow and command.generation <= state.workflow_generation:
        return []
    followed = Followed(
        workflow=command.workflow,
        workflow_generation=command.generation,
        name=command.name,
        resources=command.resources,
        generation=state.generation + 1,
    )
    return [followed]


def _unfollow(state: State, command: Unfollow, turn: Turn) -> Sequence[Event]:
    if state.is_contextual and state.workflow != command.workflow:
        return []
    if state.workflow == command.workflow and command.generation <= state.workflow_generation:
        return []
    deleted = _deleted(state, turn, command.generation)
    return [replace(deleted, workflow=command.workflow)]


def _join(state: State, command: Join, turn: Turn) -> Sequence[Event]:
    if state.content is None:
        raise Rejected("not_found", f"there is no workspace {turn.me.id}")
    change = sharing.hear(state.shares, command, turn.node)
    if change is None:
        return []
    elsewhere = [id for id in sharing.inside(state.shares) if id != command.shared_workspace]
    if elsewhere:
        detail = f"the workspace {turn.me.id} is in {elsewhere[0]}; take it out there first"
        raise Rejected("workspace_shared_elsewhere", detail, extra={"shared": elsewhere[0]})
    return [take(Joined, command, shared_generation=command.generation, **change._asdict())]


def _leave(state: State, command: Leave, turn: Turn) -> Sequence[Event]:
    change = sharing.hear(state.shares, command, turn.node)
    if change is None:
        return []
    return [take(Left, command, shared_generation=command.generation, **change._asdict())]


def evolve(state: State, event: Event) -> State:
    """Hold what was said last, by a person, by the workflow and by each shared workspace."""
    revision = state.revision + 1
    match event:
        case Saved():
            written = replace(state, content=take(Content, event), generation=event.generation)
            return replace(written, workflow="", revision=revision)
        case Followed():
            before = state.content or Content(name=event.name)
            content = replace(before, name=event.name, resources=event.resources, active=True)
            return replace(_said(state, event), content=content, revision=revision)
        case Deleted():
            shares = sharing.emptied(state.shares)
            return replace(_said(state, event), content=None, revision=revision, shares=shares)
        case Joined() | Left():
            revision = state.revision + bool(event.told)
            return replace(state, revision=revision, shares=sharing.told(state.shares, event))
        case Announced():
            return state
    assert_never(event)


def _said(state: State, event: Followed | Deleted) -> State:
    return replace(
        state,
        generation=event.generation,
        workflow=event.workflow,
        workflow_generation=event.workflow_generation,
    )


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Keep the copies of the peers up to date."""
    owned, rights = owned_by(state, turn), sharing.readers(state.shares, turn.node)
    match event:
        case Saved() | Followed():
            return sharing.puts(owned, rights, rights)
        case Joined() | Left():
            return sharing.puts(owned, rights, [*event.told, *event.dropped])
        case Announced():
            return sharing.puts(owned, rights, [event.peer])
        case Deleted():
            forget = Forget(kind="workspace", id=turn.me.id)
            told = [Order(Address("shared_workspace", shared), forget) for shared in event.shared]
            return [*sharing.drops(owned, event.readers), *told]
    assert_never(event)


def answer(command: Command, no: Rejected, turn: Turn) -> Sequence[Effect]:
    """Tell the shared workspace that it cannot have it, and a peer that its change is refused."""
    match command:
        case Join() if turn.is_internal:
            said = {"kind": "workspace", "id": turn.me.id, "code": no.code, "detail": no.detail}
            refused = take(JoinRefused, command, **said)
            return [Order(Address("shared_workspace", command.shared_workspace), refused)]
        case Follow() if turn.is_internal:
            taken = WorkspaceTaken(workspace=turn.me.id)
            return [Order(Address("workflow", command.workflow), taken)]
        case Propose():
            return sharing.refusal(command.reply_to, command.generation, no, turn.peer)
    return []


ACTOR: Actor[State, Any, Any] = Actor(
    kind="workspace",
    commands=(Save, Delete, Propose, Follow, Unfollow, Join, Leave, Announce),
    events=(Saved, Followed, Deleted, Joined, Left, Announced),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    answer=answer,
    needs=needs,
    summary=summary,
    filters=frozenset({"shared", "contextual"}),
    view=view,
    copies=copies,
    internal=frozenset({"propose", "follow", "unfollow", "join", "leave", "announce"}),
    peers_may=frozenset({"propose"}),
    belongs_to="workflow",
)
