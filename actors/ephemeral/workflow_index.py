"""The index of the ephemeral workflows of a registry: which are active, and which are completed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, ById, Effect, Need, Order, Rejected, Summary, Trim, Turn
from actors.ephemeral.table import FINAL
from messages import ephemeral
from messages.base import Alarm, Message
from messages.envelope import Address
from messages.workflow_index import (
    Begin,
    Command,
    Commit,
    Delete,
    Event,
    Snapshot,
    SnapshotTaken,
    WorkflowCompleted,
    WorkflowDeleted,
    WorkflowStarted,
)

WORKFLOWS_MAX = 100_000
"""Beyond it what was completed first leaves the list before its time: a begin is never refused."""
SNAPSHOT_WORKFLOWS_MAX = 200
SNAPSHOT_EVENTS_MIN = 1_000
SNAPSHOT_EVENTS_MORE_THAN = 300
"""A snapshot must save more events than this, and as many again for each workflow on the list."""
KINDS_CACHED = 64
VIEW_WORKFLOWS = 1_000
"""The most workflows of each sort that are shown at once."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A workflow on the list."""

    workflow_kind: str
    since: datetime
    """When it was started or, if it is completed, completed."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on."""

    is_made: bool = False
    active: dict[str, Entry] = {}
    completed: dict[str, Entry] = {}
    """In the order in which they were completed."""
    events: int = 0
    """How many came since the last snapshot."""
    due: datetime | None = None
    """Since when a snapshot pays."""

    @property
    def workflows(self) -> int:
        """How many workflows are on the list."""
        return len(self.active) + len(self.completed)


def needs(command: Command, _turn: Turn) -> Sequence[Need]:
    """Know how far a workflow is that begins."""
    return [ById(command.workflow_kind, command.workflow)] if isinstance(command, Begin) else []


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """List what is begun, whatever else is on the list."""
    match command:
        case Begin():
            return _begin(state, command, turn)
        case Commit():
            if command.workflow in state.completed:
                return []
            if command.workflow not in state.active:
                raise Rejected("unknown_workflow", f"{command.workflow} was never begun", at="/workflow")
            return [WorkflowCompleted(workflow=command.workflow, at=turn.at)]
        case Delete():
            if command.workflow not in state.completed:
                detail = f"{command.workflow} is not a completed workflow"
                raise Rejected("unknown_workflow", detail, at="/workflow")
            return [WorkflowDeleted(workflow=command.workflow, at=turn.at)]
        case Snapshot():
            return _snapshot(state)
        case Alarm():
            return _snapshot(state) if state.due is not None else []
    assert_never(command)


def _begin(state: State, command: Begin, turn: Turn) -> Sequence[Event]:
    if command.workflow in state.active or command.workflow in state.completed:
        return []
    begun: list[Event] = [
        WorkflowStarted(workflow=command.workflow, workflow_kind=command.workflow_kind, at=turn.at)
    ]
    known = turn.known.get(ById(command.workflow_kind, command.workflow))
    if known is not None and known.summary.status in FINAL:
        # its commit came before this, and was refused
        begun.append(WorkflowCompleted(workflow=command.workflow, at=turn.at))
    if state.workflows < WORKFLOWS_MAX or not state.completed:
        return begun
    return [WorkflowDeleted(workflow=next(iter(state.completed)), at=turn.at), *begun]


def _snapshot(state: State) -> Sequence[Event]:
    if state.events == 0:
        return []
    if state.workflows > SNAPSHOT_WORKFLOWS_MAX:
        detail = f"{state.workflows} workflows are listed, more than {SNAPSHOT_WORKFLOWS_MAX}"
        raise Rejected("too_many_workflows", detail)
    if not _is_worth_it(state):
        needed = max(SNAPSHOT_EVENTS_MIN, _events_kept(state) + 1)
        raise Rejected("not_worth_it", f"{state.events} events since the last one, {needed} are needed")
    return [SnapshotTaken()]


def _is_worth_it(state: State) -> bool:
    return state.events >= SNAPSHOT_EVENTS_MIN and _events_kept(state) < state.events


def _events_kept(state: State) -> int:
    """Return how many events a snapshot is reckoned to cost."""
    return SNAPSHOT_EVENTS_MORE_THAN * (1 + state.workflows)


def evolve(state: State, event: Event) -> State:
    """Hold the list, and since when a snapshot of it pays."""
    match event:
        case WorkflowStarted():
            entry = Entry(event.workflow_kind, event.at)
            return _noted(replace(state, active=state.active | {event.workflow: entry}), event.at)
        case WorkflowCompleted():
            entry = Entry(state.active[event.workflow].workflow_kind, event.at)
            completed = state.completed | {event.workflow: entry}
            active = _without(state.active, event.workflow)
            return _noted(replace(state, active=active, completed=completed), event.at)
        case WorkflowDeleted():
            return _noted(replace(state, completed=_without(state.completed, event.workflow)), event.at)
        case SnapshotTaken():
            return replace(state, events=0, due=None)
    assert_never(event)


def _without(entries: dict[str, Entry], workflow: str) -> dict[str, Entry]:
    kept = entries.copy()
    del kept[workflow]
    return kept


def _noted(state: State, at: datetime) -> State:
    """Count an event, which happened at an instant."""
    counted = replace(state, is_made=True, events=state.events + 1)
    is_due = state.workflows <= SNAPSHOT_WORKFLOWS_MAX and _is_worth_it(counted)
    return replace(counted, due=(state.due or at) if is_due else None)


def react(state: State, event: Event, _turn: Turn) -> Sequence[Effect]:
    """End each workflow that is completed."""
    match event:
        case WorkflowCompleted():
            kind = state.completed[event.workflow].workflow_kind
            return [Order(Address(kind, event.workflow), _end(kind))]
        case SnapshotTaken():
            return [Trim()]
        case WorkflowStarted() | WorkflowDeleted():
            return []
    assert_never(event)


@lru_cache(maxsize=KINDS_CACHED)
def _end(kind: str) -> Message:
    return ephemeral.command(kind, "end", "Be over.", {})()


def alarms(state: State) -> Mapping[str, datetime]:
    """Take a snapshot as soon as it pays."""
    return {} if state.due is None else {"snapshot": state.due}


def summary(state: State) -> Summary | None:
    """Show how many there are."""
    if not state.is_made:
        return None
    return Summary(fields={"active": len(state.active), "completed": len(state.completed)})


def view(state: State) -> dict[str, Any] | None:
    """Show the list, the oldest first, and the first of them when there are many."""
    if not state.is_made:
        return None
    return {
        "active": _shown(state.active),
        "active_count": len(state.active),
        "completed": _shown(state.completed),
        "completed_count": len(state.completed),
        "events_since_snapshot": state.events,
    }


def _shown(entries: dict[str, Entry]) -> list[dict[str, Any]]:
    return [
        {"workflow": workflow, "workflow_kind": entry.workflow_kind, "since": entry.since}
        for workflow, entry in islice(entries.items(), VIEW_WORKFLOWS)
    ]


ACTOR: Actor[State, Command, Event] = Actor(
    kind="workflow_index",
    commands=(Snapshot, Begin, Commit, Delete),
    events=(WorkflowStarted, WorkflowCompleted, WorkflowDeleted, SnapshotTaken),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    needs=needs,
    alarms=alarms,
    summary=summary,
    filters=frozenset({"active", "completed"}),
    view=view,
    internal=frozenset({"begin", "commit", "delete"}),
)
