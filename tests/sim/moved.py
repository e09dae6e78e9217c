"""What must hold when all who wanted a repository have come to rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actors.ephemeral.phased import ATTEMPTS_MAX
from actors.ephemeral.repo_moves import FILES_FAILED
from node.live import decode_event
from tests.sim import invariants
from tests.sim.script import CODES, FREEZE, REGISTRY, REPO, UNFREEZE, Script
from tests.sim.seen import Seen, Sight, look
from tests.sim.unfreezes import World

KINDS = (UNFREEZE, FREEZE)
DONE = {UNFREEZE: "online", FREEZE: "frozen"}
START = {UNFREEZE: "frozen", FREEZE: "online"}
FAILED = {UNFREEZE: "unfreeze_failed", FREEZE: "freeze_failed"}
SHARED = (
    invariants.nothing_acknowledged_is_lost,
    invariants.effects_happen_once,
    invariants.versions_increase_by_one,
    invariants.all_is_said_and_heard,
    invariants.alarms_are_set,
    invariants.alarms_are_rung,
    invariants.snapshots_are_the_journal,
)
"""What holds of every node."""


async def broken(world: World) -> list[str]:
    """Return what does not hold, each with the name of the invariant."""
    seen = look(world)
    (sight,) = seen.nodes.values()
    wrong = [f"{check.__name__}: {what}" for check in SHARED for what in check(seen)]
    for check in (_all_are_over, _the_index_is_complete, _registry_and_repo_agree, _no_tier_was_stolen):
        wrong += [f"{check.__name__}: {what}" for what in check(sight, world.script)]
    return wrong + [f"states: {what}" for what in await _differing(world, seen, sight)]


def _workflows(sight: Sight) -> dict[str, tuple[str, Any]]:
    return {id: (kind, state) for kind in KINDS for id, state in sight.of(kind).items()}


def _all_are_over(sight: Sight, script: Script) -> Iterator[str]:
    """Each workflow is terminated, with a code that fits, and one succeeds where nothing went wrong."""
    found = _workflows(sight)
    codes = {id: state.code for id, (_, state) in found.items()}
    for id in script.workflows.keys() - found.keys():
        yield f"{id} was begun and is not there"
    for id, (_, state) in found.items():
        if state.state != "terminated":
            yield f"{id} is {state.state}, with code {state.code} {state.message!r}"
        elif state.code not in CODES[script.trouble] and not _is_exhausted(state):
            yield f"{id} ended with {state.code} {state.message!r}, and what went wrong is {script.trouble!r}"
    successes = [id for id in script.workflows if codes.get(id) == 0]
    unfreezes = {id for id, kind in script.workflows.items() if kind == UNFREEZE}
    if not script.trouble and not successes and FILES_FAILED not in codes.values():
        yield f"nobody has succeeded: {codes}"
    if len(successes) > 1 and unfreezes == script.workflows.keys():
        yield f"{successes} have both succeeded"


def _is_exhausted(state: Any) -> bool:
    """Say whether the files could not be worked on too often, or whoever did was interrupted too often."""
    return bool(state.code == FILES_FAILED and state.attempts == ATTEMPTS_MAX - 1)


def _the_index_is_complete(sight: Sight, _script: Script) -> Iterator[str]:
    """All that was begun is listed as completed, and nothing else is listed."""
    index = sight.states["workflow_index", REGISTRY]
    found = _workflows(sight)
    for id in index.active:
        yield f"{id} is listed as active"
    for id in index.completed.keys() - found.keys():
        yield f"{id} is listed and was never begun"
    for id in found.keys() - index.completed.keys():
        yield f"{id} is not listed as completed"
    for id, entry in index.completed.items():
        if id in found and entry.workflow_kind != found[id][0]:
            yield f"{id} is listed as {entry.workflow_kind}"


def _registry_and_repo_agree(sight: Sight, _script: Script) -> Iterator[str]:
    """Both have the repository in the tier that the outcome of its workflow says."""
    found = _workflows(sight)
    registry, repo = sight.states["registry", REGISTRY].repos[REPO], sight.states["repo", REPO].held
    for who, held in (("registry", registry), ("repo", repo)):
        kind, state = found[held.workflow]
        wanted = (FAILED if state.code else DONE)[kind]
        if held.tier != wanted:
            yield f"{who}: it is {held.tier}, and {held.workflow} has ended with {state.code}"
    if registry.tier != repo.tier and not _can_be_tried_again(sight, registry.workflow):
        said = [f"{held.tier} because of {held.workflow}" for held in (registry, repo)]
        yield f"they say {said[0]}, and {said[1]}"


def _can_be_tried_again(sight: Sight, workflow: str) -> bool:
    """Say whether the workflow has failed before it came to the repository, which waits for the next."""
    kind, state = _workflows(sight)[workflow]
    held = sight.states["repo", REPO].held
    return bool(state.code) and held.workflow != workflow and held.tier in (START[kind], FAILED[kind])


def _no_tier_was_stolen(sight: Sight, _script: Script) -> Iterator[str]:
    """From a begin on, only the workflow that has begun changes the tier, until it is done or has failed."""
    for kind, name in (("registry", "registry.tier_changed"), ("repo", "repo.tier_changed")):
        for id, rows in sight.events(kind).items():
            holder = ""
            for row in rows:
                if row.type != name:
                    continue
                actor = sight.node.outside.actors
                event = decode_event(next(one for one in actor if one.kind == kind), row.type, row.body)
                if holder not in ("", event.workflow):
                    yield f"{kind} {id}: {event.workflow} made it {event.tier}, and {holder} had it"
                holder = event.workflow if event.tier.endswith("ing") else ""


async def _differing(world: World, seen: Seen, sight: Sight) -> list[str]:
    """What the journal leads to is what the running node has at hand."""
    lives = {key: await world.node.engine.peek(*key) for key in sight.states}
    return [
        f"{kind}.{id} is {lives[kind, id].state}, its events lead to {state}"
        for (kind, id), state in sight.states.items()
        if lives[kind, id].state != state
    ]
