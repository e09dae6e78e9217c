"""What a workflow is, and what a save makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.actor import ById, ByName, Known, Need, Rejected, Turn
from actors.environments import environment
from actors.execution import graph
from actors.fields import take
from actors.rights import behalf, metadata_term
from actors.sharing.sharing import Shares
from actors.workflow import schedule, scheduled, starting, triggers, versions
from actors.workflow.plans import Plans
from actors.workflow.versions import Version
from messages.copies import copy_id
from messages.envelope import PEER
from messages.environment import MAIN
from messages.workflow import Definition, Graph, Save
from messages.workflow_events import Saved

INACTIVE = "it is not active, so nothing of its schedule is planned; set active to true to plan it"
PAST = "the start is past, so schedule_active was set to false; set a later start to plan it"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without a definition it was never saved, or was deleted."""

    definition: Definition | None = None
    generation: int = 0
    revision: int = 0
    """Counts the changes of what the peers are told."""
    workspace: str = ""
    demands: dict[str, int] = msgspec.field(default_factory=dict)
    """How many units of which compute (``node/id``) each execution takes."""
    shares: Shares = msgspec.field(default_factory=dict)
    plans: Plans = Plans()
    forks: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()
    """The definitions it has had, the latest last."""
    origin: str = ""
    """The workflow that it was first, in another environment; empty: this one."""
    promotion: str = ""
    """What has brought it here last; empty: it was saved since."""
    deployments: dict[str, str] = msgspec.field(default_factory=dict)
    """By environment, under which id it is there, too."""


def needs(save: Save, turn: Turn) -> Sequence[Need]:
    """Know who has the name already, the workspace it may have, and the types of its resources."""
    known = known_as(save)
    names = [ByName("workspace", name) for name in (workspace_name(known), _misspelt(known))]
    resources = [_entry(resource, turn.node) for resource in _named(save.graph)]
    workspace = ById("workspace", default_workspace(turn.me.id))
    there = [] if save.environment == MAIN else [ById("environment", save.environment)]
    more = [*metadata_term.needs(save.metadata), *triggers.needs(save), *there]
    return [ByName("workflow", known), *names, workspace, *resources, *more]


def known_as(definition: Definition) -> str:
    """Return the name that no other workflow of the node has: it may be in several environments."""
    name, environment = definition.name, definition.environment
    return name if environment == MAIN else f"{name} ({environment})"


def workspace_name(workflow: str) -> str:
    """Return the name of the workspace of a workflow, within what a name may be."""
    return f"{workflow[:190]}_workspace"


def _misspelt(workflow: str) -> str:
    return f"{workflow[:190]}_worspace"  # as OpenCloud once wrote it


def default_workspace(workflow: str) -> str:
    """Return the id of the workspace that a workflow makes for itself; it fits in a token."""
    return f"{workflow}_ws" if len(workflow) <= 61 else other_workspace(workflow)


def other_workspace(workflow: str) -> str:
    """Return the id of that workspace when the usual one is taken."""
    return f"{workflow[:40]}_ws_{blake2b(workflow.encode(), digest_size=6).hexdigest()}"


def _named(drawn: Graph | None) -> Sequence[str]:
    return graph.named(drawn) if drawn else ()


def _entry(resource: str, node: str) -> ById:
    """Return where the catalogue has a resource: its own entity, or the copy of another node's."""
    owner, _, id = graph.full(resource, node).partition("/")
    return ById("resource", id) if owner == node else ById("copy", copy_id(owner, "resource", id))


def saved(state: State, save: Save, turn: Turn, author: str = "") -> Saved | None:
    """Return what a save changes, or None when it is all so already; raise Rejected as the rules say.

    ``author`` saves it; left out: who says so.
    """
    if state.generation and state.definition is None:
        raise Rejected("deleted", "the workflow was deleted; take another id")
    said = take(Definition, save)
    lacking = turn.rights.defaults.keys() - save.metadata.keys()
    if lacking:
        given = {name: turn.rights.defaults[name] for name in sorted(lacking)}
        said = replace(said, metadata={**save.metadata, **given})
    asked = scheduled.derived(said, state.definition, turn.at)
    definition, note = in_time(state, asked, turn)
    note = note or scheduled.note(said, asked)
    if definition == state.definition and not _is_taken_over(state, definition, author or turn.sender, turn):
        return None
    _check_environment(state.definition, definition.environment, turn)
    versions.check(definition.definition, turn.unread)
    triggers.check(definition, turn)
    metadata_term.check_all(definition.metadata, turn.known)
    check_name(known_as(save), turn.me.id, turn)
    return resaved(state, definition, turn, note, author)


def _check_environment(before: Definition | None, name: str, turn: Turn) -> None:
    """Raise Rejected when there is no such environment, or the workflow is in another one."""
    if before is not None and before.environment != name:
        detail = f"it is in {before.environment}; to have it in {name}, too: covey workflow promote"
        raise Rejected("environment_changed", detail, at="/environment")
    if not environment.is_there(name, turn):
        detail = f"there is no environment {name}: covey environment create {name}"
        raise Rejected("no_environment", detail, at="/environment")


def resaved(state: State, definition: Definition, turn: Turn, note: str = "", author: str = "") -> Saved:
    """Return what makes this the definition, which is known to be as the rules say.

    Who makes a version has it do what it does: raises Rejected where he might not by hand.
    """
    author = author or turn.sender
    number = versions.number(state.versions, definition)
    is_other = not state.versions or number != state.versions[-1].number
    if is_other:
        behalf.check_saved(turn.rights, author, behalf.acts(definition.definition))
    elif _is_taken_over(state, definition, author, turn):
        number += 1
    demands = _demands(state, definition, turn)
    before = state.definition
    is_planned_anew = before is None or _cause(before, state.demands) != _cause(definition, demands)
    if is_planned_anew:
        _check_booked(definition, demands, author, turn)
    return take(
        Saved,
        definition,
        generation=state.generation + 1,
        workspace=state.workspace or _workspace(known_as(definition), turn),
        demands=demands,
        is_followed=before is None
        or (before.name, before.resources) != (definition.name, definition.resources),
        is_planned_anew=is_planned_anew,
        note=note,
        workflow_version=number,
        author=author,
        at=turn.at,
        routes_left=triggers.left(before, definition),
    )


def _is_taken_over(state: State, definition: Definition, who: str, turn: Turn) -> bool:
    """Say whether the present version is saved again in another name, nothing coming of the old one."""
    if not state.versions or versions.number(state.versions, definition) != state.versions[-1].number:
        return False
    wanted = behalf.acts(definition.definition)
    return behalf.takes_over(turn.rights, state.versions[-1].author, who, wanted)


def _check_booked(definition: Definition, demands: dict[str, int], author: str, turn: Turn) -> None:
    """Raise Rejected where a plan would book what its saver might not by hand."""
    if is_planned(definition) and not author.startswith(PEER):  # who shares a workflow lets peers plan it
        behalf.check_saved(turn.rights, author, behalf.booked(definition.graph, demands, turn.node))


def in_time(state: State, asked: Definition, turn: Turn) -> tuple[Definition, str]:
    """Check the schedule, and switch it off when its start is past; one that was on already goes on."""
    if asked.schedule is None:
        if asked.schedule_active:
            detail = "schedule_active needs a schedule; write one, or set it to false"
            raise Rejected("invalid_schedule", detail, at="/schedule")
        return asked, ""
    schedule.check(asked.schedule)
    before = state.definition
    is_on = before is not None and before.schedule_active and before.schedule == asked.schedule
    if not asked.schedule_active or is_on or not schedule.is_past(asked.schedule, turn.at):
        return asked, INACTIVE if asked.schedule_active and not asked.active else ""
    return replace(asked, schedule_active=False), PAST


def is_planned(definition: Definition) -> bool:
    """Say whether executions are planned of it: what is not active refuses its schedule, too."""
    return definition.active and definition.schedule_active and definition.schedule is not None


def _cause(definition: Definition, demands: dict[str, int]) -> tuple[Any, ...]:
    """Return what the plan depends on; nothing, when it has none."""
    if definition.schedule is None or not is_planned(definition):
        return ()
    starts_itself = definition.definition is not None
    # what is planned is the same whatever becomes of it when its time has come
    planned = replace(definition.schedule, overlap="skip", catch_up="all", catch_up_window=None)
    return (planned, demands, definition.on_conflict, definition.on_cancelled, starts_itself)


def check_name(name: str, id: str, turn: Turn) -> None:
    """Raise Rejected when another workflow than this one has the name."""
    other = turn.known.get(ByName("workflow", name))
    if other is not None and other.id != id:
        raise Rejected("already_exists", f"the workflow {other.id} has this name; choose another", at="/name")


def _demands(state: State, definition: Definition, turn: Turn) -> dict[str, int]:
    before = state.definition
    if before is not None and before.graph == definition.graph:
        return state.demands  # so that it can be saved after a peer has gone
    if definition.graph is None:
        return {}
    catalogue = {resource: _type(resource, turn) for resource in graph.named(definition.graph)}
    graph.check(definition.graph, catalogue)
    return graph.demands(definition.graph, catalogue, turn.node)


def _type(resource: str, turn: Turn) -> str | None:
    found = turn.known.get(_entry(resource, turn.node))
    if found is None or found.summary.shown_as not in ("", "resource"):
        return None
    return str(found.summary.fields.get("type", ""))


def _workspace(name: str, turn: Turn) -> str:
    """Return the id of the workspace to reuse, one of that name which follows nobody, or of a new one."""
    for need in (ByName("workspace", workspace_name(name)), ByName("workspace", _misspelt(name))):
        found = turn.known.get(need)
        if found is not None and _is_free(found, turn):
            return found.id
    default = default_workspace(turn.me.id)
    taken = turn.known.get(ById("workspace", default))
    return default if taken is None or taken.summary.parent == turn.me.id else other_workspace(turn.me.id)


def _is_free(workspace: Known, turn: Turn) -> bool:
    return workspace.summary.parent in ("", turn.me.id)


def alarms(state: State) -> Mapping[str, datetime]:
    """Want to begin what is due, to give up a plan that is not answered, and to extend one without end."""
    pending, due = state.plans.pending, starting.next_due(state.plans)
    fire = {} if due is None else {"fire": due}
    if pending is not None:
        return {**fire, "deadline": pending.deadline}
    return fire if state.plans.more_at is None else {**fire, "extend": state.plans.more_at}
