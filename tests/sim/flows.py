"""What must hold between workflows, their workspaces, their executions and those they are shared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from actors.sharing import sharing
from actors.workflow import schedule
from messages.base import encode
from messages.envelope import instant
from messages.states import ENDED, State
from messages.workflow_events import Planned
from tests.sim.seen import Key, Seen, Sight

LISTED = {"workspace": "workspaces", "workflow": "workflows"}


def content(kind: str, state: Any) -> Any:
    """Return what was saved of an entity, as JSON says it; None when it is gone, or never shared."""
    field = {
        "resource": "description",
        "workflow": "definition",
        "workspace": "content",
        "shared_workspace": "content",
    }
    saved = getattr(state, field[kind]) if kind in field else None
    return None if saved is None else msgspec.json.decode(encode(saved))


def shared_with(seen: Seen, owner: Sight, key: Key, peer: str) -> tuple[int, int] | None:
    """Return the generation and version that a peer must hold; None when it must hold nothing."""
    kind, id = key
    state = owner.states[key]
    saved = content(kind, state)
    if saved is None:
        return None
    if kind == "resource":
        return (state.generation, 0) if saved["public"] else None
    if kind == "shared_workspace":
        return (state.generation, 0) if peer in saved["peers"] else None
    areas = [area.content for area in owner.of("shared_workspace").values() if area.content is not None]
    is_shared = any(id in getattr(area, LISTED[kind]) and peer in area.peers for area in areas)
    return (state.generation, state.revision) if is_shared else None


def executions_are_the_schedule(seen: Seen) -> Iterator[str]:
    """What is to run is what stands, and what stands is what the schedule says."""
    for sight in seen.nodes.values():
        workflows = sight.of("workflow")
        for id, run in sight.of("execution").items():
            if run.plan is not None and run.state not in ENDED and run.plan.workflow not in workflows:
                yield f"{sight.name}/{id}: there is no workflow {run.plan.workflow}"
        for id, state in workflows.items():
            yield from _planned(sight, id, state)
            yield from _as_scheduled(sight, id, state)


def _planned(sight: Sight, id: str, state: Any) -> Iterator[str]:
    place, plans = f"{sight.name}/workflow/{id}", state.plans
    if plans.pending is not None:
        yield f"{place}: is still planning with {', '.join(plans.pending.waiting_for)}"
        return
    runs = {name: run for name, run in sight.of("execution").items() if run.plan and run.plan.workflow == id}
    alive = {name: run for name, run in runs.items() if run.state not in ENDED and run.state != State.STARTED}
    standing = {} if plans.standing is None else {slot.execution: slot for slot in plans.standing.slots}
    wanted = {name for name in standing if name not in plans.noted}
    for name in sorted(alive.keys() - wanted):
        yield f"{place}: {name} is {alive[name].state.value} and not planned"
    for name in sorted(wanted - alive.keys()):
        yield f"{place}: {name} is planned and {runs[name].state.value if name in runs else 'not there'}"
    for name in sorted(wanted & alive.keys()):
        run, slot = alive[name], standing[name]
        if run.state == State.DRAFT:
            yield f"{place}: {name} is a draft of a plan that stands"
        if (run.plan.start, run.plan.end) != (slot.start, slot.end):
            yield f"{place}: {name} is at another time than planned"


def _as_scheduled(sight: Sight, id: str, state: Any) -> Iterator[str]:
    """Compare with what the schedule gives at the instant of the plan."""
    place, definition, plans = f"{sight.name}/workflow/{id}", state.definition, state.plans
    if definition is None or not definition.schedule_active:
        if plans.standing is not None:
            yield f"{place}: a plan stands of what is not scheduled"
        return
    if plans.refusals or plans.pending is not None:
        return
    if plans.standing is None:
        yield f"{place}: is scheduled and was neither planned nor refused"
        return
    standing = plans.standing
    made = next(
        row.at
        for row in reversed(sight.events("workflow")[id])
        if row.type == "workflow.planned" and _generation(row.body) == standing.plan.generation
    )
    due = {start for start, _ in schedule.plan(definition.schedule, instant(made)).slots}
    ended = {one.start for one in plans.noted.values()}
    kept = {slot.start for slot in standing.slots}
    if not kept <= due:
        yield f"{place}: {len(kept - due)} executions are planned and not in the schedule"
    if definition.on_conflict == "refuse" and not due - ended <= kept:
        yield f"{place}: {len(due - ended - kept)} executions of the schedule are not planned"


def _generation(body: bytes) -> int:
    return msgspec.json.decode(body, type=Planned).generation


def workspaces_follow_workflows(seen: Seen) -> Iterator[str]:
    """A workspace that follows a workflow exists if and only if the workflow does."""
    for sight in seen.nodes.values():
        workspaces, workflows = sight.of("workspace"), sight.of("workflow")
        for id, state in workflows.items():
            place, followed = f"{sight.name}/workflow/{id}", workspaces.get(state.workspace)
            if state.definition is None:
                continue
            if followed is None or followed.content is None or followed.workflow != id:
                yield f"{place}: has no workspace {state.workspace}"
            elif followed.content.name != f"{state.definition.name}_workspace":
                yield f"{place}: its workspace is called {followed.content.name}"
            elif followed.content.resources != state.definition.resources:
                yield f"{place}: its workspace has other resources"
        for id, state in workspaces.items():
            if state.content is not None and state.workflow:
                workflow = workflows.get(state.workflow)
                if workflow is None or workflow.definition is None or workflow.workspace != id:
                    yield f"{sight.name}/workspace/{id}: follows {state.workflow}, which does not have it"


def members_know_where_they_are(seen: Seen) -> Iterator[str]:
    """A shared workspace and those in it agree; a workspace is in one at most."""
    for sight in seen.nodes.values():
        areas = sight.of("shared_workspace")
        for kind, field in LISTED.items():
            for id, state in sight.of(kind).items():
                inside = set(sharing.inside(state.shares))
                listed = {
                    area for area, one in areas.items() if one.content and id in getattr(one.content, field)
                }
                if inside != listed:
                    yield f"{sight.name}/{kind}/{id}: is in {sorted(inside)}, is listed by {sorted(listed)}"
                if kind == "workspace" and len(inside) > 1:
                    yield f"{sight.name}/{kind}/{id}: is in {len(inside)} shared workspaces"
