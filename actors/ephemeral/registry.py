"""A registry: which file server holds which part of the tree, and the tier of each repository."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, ById, ByName, Effect, Need, Order, Question, Rejected, Summary, Turn
from actors.ephemeral import tiers
from actors.fields import take
from messages import repo
from messages.envelope import Address
from messages.registry import (
    AbortFreeze,
    AbortUnfreeze,
    BeginFreeze,
    BeginUnfreeze,
    Command,
    CommitFreeze,
    CommitUnfreeze,
    Event,
    FindRepo,
    Init,
    Initialized,
    InitRepo,
    InitRoot,
    Move,
    RepoAdded,
    RootAdded,
    TierChanged,
)
from messages.tiers import ONLINE

ROOTS_MAX = 1_000
REPOS_MAX = 10_000
VIEW_ROOTS = 100
"""The most roots that are shown at once."""
VIEW_REPOS = 200
"""The most repositories that are shown at once; ``repo list`` has them all, in pages."""


class Root(msgspec.Struct, frozen=True):
    """Where a part of the tree is held."""

    host: str
    host_root: str


class Repo(tiers.Held, frozen=True, kw_only=True):
    """What the registry knows of a repository."""

    global_path: str
    code: int = 0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without a name it was never made."""

    name: str = ""
    roots: dict[str, Root] = {}
    """By the path of the root."""
    repos: dict[str, Repo] = {}


def needs(command: Command, _turn: Turn) -> Sequence[Need]:
    """Know whether a name and an id are free, and the workflow that takes a repository."""
    match command:
        case Init():
            return [ByName("registry", command.name)]
        case InitRoot():
            return []
        case InitRepo():
            return [ById("repo", command.repo)]
        case BeginUnfreeze() | CommitUnfreeze() | AbortUnfreeze():
            return tiers.needs(command, tiers.UNFREEZE)
        case BeginFreeze() | CommitFreeze() | AbortFreeze():
            return tiers.needs(command, tiers.FREEZE)
    assert_never(command)


def points_at(state: State, command: Command) -> Sequence[ById]:
    """Know the workflow that had a repository before."""
    match command:
        case BeginUnfreeze() if command.repo in state.repos:
            return tiers.points_at(state.repos[command.repo], command, tiers.UNFREEZE)
        case BeginFreeze() if command.repo in state.repos:
            return tiers.points_at(state.repos[command.repo], command, tiers.FREEZE)
    return []


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Let one workflow at a time take a repository."""
    if not state.name and not isinstance(command, Init):
        raise Rejected("not_found", f"there is no registry {turn.me.id}; init it first")
    match command:
        case Init():
            return _init(state, command, turn)
        case InitRoot():
            return _init_root(state, command)
        case InitRepo():
            return _init_repo(state, command, turn)
        case BeginUnfreeze() | CommitUnfreeze() | AbortUnfreeze():
            return _move(state, command, tiers.UNFREEZE, turn)
        case BeginFreeze() | CommitFreeze() | AbortFreeze():
            return _move(state, command, tiers.FREEZE, turn)
    assert_never(command)


def _init(state: State, command: Init, turn: Turn) -> Sequence[Event]:
    if state.name == command.name:
        return []
    if state.name:
        raise Rejected("not_idempotent", f"it was made as {state.name}", at="/name")
    if turn.known.get(ByName("registry", command.name)) is not None:
        raise Rejected("already_exists", "a registry has this name; choose another", at="/name")
    return [take(Initialized, command)]


def _init_root(state: State, command: InitRoot) -> Sequence[Event]:
    had = state.roots.get(command.global_root)
    if had == take(Root, command):
        return []
    if had is not None:
        detail = f"{had.host} holds it in {had.host_root}"
        raise Rejected("not_idempotent", detail, at="/global_root")
    if len(state.roots) >= ROOTS_MAX:
        raise Rejected("too_many", f"a registry has at most {ROOTS_MAX} roots", at="/global_root")
    return [take(RootAdded, command)]


def _init_repo(state: State, command: InitRepo, turn: Turn) -> Sequence[Event]:
    had = state.repos.get(command.repo)
    if had is not None and had.global_path == command.global_path:
        return []
    if had is not None:
        raise Rejected("not_idempotent", f"it was made at {had.global_path}", at="/global_path")
    known = turn.known.get(ById("repo", command.repo))
    if known is not None:
        detail = f"it is a repository of {known.summary.parent}; take another id"
        raise Rejected("already_exists", detail, at="/repo")
    if not any(_is_within(command.global_path, root) for root in state.roots):
        raise Rejected("unknown_root", "it is below no root of the registry", at="/global_path")
    if len(state.repos) >= REPOS_MAX:
        raise Rejected("too_many", f"a registry has at most {REPOS_MAX} repositories", at="/repo")
    _check_path(state, command.global_path)
    return [take(RepoAdded, command)]


def _check_path(state: State, path: str) -> None:
    for id, one in state.repos.items():
        if one.global_path == path:
            raise Rejected("already_exists", f"{id} is at this path", at="/global_path")
        # on the way to a tier and after a failure some of its files can already not be changed
        if one.tier != ONLINE and _is_within(path, one.global_path):
            detail = f"it is below {one.global_path}, which is {one.tier}"
            raise Rejected("repo_frozen", detail, at="/global_path", extra={"repo": id, "tier": one.tier})


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _move(state: State, command: Move, direction: tiers.Direction, turn: Turn) -> Sequence[Event]:
    held = _repo(state, command.repo)
    tier = tiers.move(held, command, direction, turn)
    if tier is None:
        return []
    code = command.code if isinstance(command, AbortUnfreeze | AbortFreeze) else 0
    return [TierChanged(repo=command.repo, tier=tier, workflow=command.workflow, code=code)]


def _repo(state: State, repo: str) -> Repo:
    held = state.repos.get(repo)
    if held is None:
        raise Rejected("unknown_repo", f"the registry has no repository {repo}", at="/repo")
    return held


def evolve(state: State, event: Event) -> State:
    """Hold where everything is."""
    match event:
        case Initialized():
            return replace(state, name=event.name)
        case RootAdded():
            return replace(state, roots=state.roots | {event.global_root: take(Root, event)})
        case RepoAdded():
            return replace(state, repos=state.repos | {event.repo: Repo(global_path=event.global_path)})
        case TierChanged():
            path = state.repos[event.repo].global_path
            return replace(state, repos=state.repos | {event.repo: take(Repo, event, global_path=path)})
    assert_never(event)


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Make each repository that is added."""
    match event:
        case RepoAdded():
            init = repo.Init(registry_id=turn.me.id, registry_name=state.name, global_path=event.global_path)
            return [Order(Address("repo", event.repo), init)]
        case Initialized() | RootAdded() | TierChanged():
            return []
    assert_never(event)


def summary(state: State) -> Summary | None:
    """Show the name and how much is in it."""
    if not state.name:
        return None
    fields = {"roots": len(state.roots), "repos": len(state.repos)}
    return Summary(status="initialized", name=state.name, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the roots and repositories, the first of them when there are many."""
    if not state.name:
        return None
    roots, repos = islice(state.roots.items(), VIEW_ROOTS), islice(state.repos.items(), VIEW_REPOS)
    return {
        "name": state.name,
        "roots": [{"global_root": path, **msgspec.to_builtins(root)} for path, root in roots],
        "roots_count": len(state.roots),
        "repos": [_shown(repo, held) for repo, held in repos],
        "repos_count": len(state.repos),
    }


def _shown(repo: str, held: Repo) -> dict[str, Any]:
    return {"repo": repo, **msgspec.to_builtins(held)}


def _find(state: State, asked: FindRepo, _turn: Turn) -> dict[str, Any]:
    return _shown(asked.repo, _repo(state, asked.repo))


ACTOR: Actor[State, Command, Event] = Actor(
    kind="registry",
    commands=(
        Init,
        InitRoot,
        InitRepo,
        BeginUnfreeze,
        CommitUnfreeze,
        AbortUnfreeze,
        BeginFreeze,
        CommitFreeze,
        AbortFreeze,
    ),
    events=(Initialized, RootAdded, RepoAdded, TierChanged),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    needs=needs,
    points_at=points_at,
    summary=summary,
    filters=frozenset({"roots", "repos"}),
    view=view,
    questions={"repo": Question(query=FindRepo, answer=_find)},
)
