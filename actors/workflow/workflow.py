"""A workflow: its definition, its workspace, its plan, and who shares it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, TypeAlias, assert_never, get_args

from msgspec.structs import replace

from actors.actor import Actor, ById, ByName, Effect, Need, Order, Rejected, Turn
from actors.fields import take
from actors.rights import behalf
from actors.sharing import sharing
from actors.workflow import (
    access,
    begun,
    defining,
    deploying,
    launching,
    orders,
    planning,
    plans,
    scheduled,
    scheduling,
    starting,
    starts,
    triggers,
    versions,
)
from actors.workflow.defined import copies, owned_by, summary, view
from actors.workflow.defining import State, alarms
from messages.base import Alarm
from messages.booking_answers import Aborted, Confirmed, Expired, Held, HoldRefused, SlotsCancelled
from messages.envelope import Address
from messages.schedule import Schedule
from messages.shared_workspace import Forget, JoinRefused
from messages.starting import Backfill, Backfilled, Fired, Pause, Paused, Resume, Resumed
from messages.workflow import (
    Announce,
    Definition,
    Delete,
    Deploy,
    ExecutionChanged,
    Fork,
    Join,
    Launch,
    Leave,
    NoteDeployment,
    Promote,
    Propose,
    Replan,
    RollBack,
    Save,
    WorkspaceTaken,
)
from messages.workflow_events import (
    Announced,
    Deleted,
    DeploymentNoted,
    Forked,
    Joined,
    Left,
    Saved,
    WorkspaceChanged,
)
from messages.workspace import Follow, Unfollow

Heard: TypeAlias = planning.Answer | Aborted | SlotsCancelled | ExecutionChanged | WorkspaceTaken | Alarm
Run: TypeAlias = Launch | RollBack | Pause | Resume | Backfill
Deployment: TypeAlias = Promote | Deploy | NoteDeployment
Share: TypeAlias = Propose | Join | Leave | Announce
Command: TypeAlias = Save | Delete | Replan | Fork | Run | Deployment | Share | Heard
Event: TypeAlias = (
    Saved
    | Deleted
    | WorkspaceChanged
    | DeploymentNoted
    | Forked
    | Joined
    | Left
    | Announced
    | plans.Event
    | starts.Event
)


def needs(command: Command, turn: Turn) -> Sequence[Need]:
    """Know who has the name already, the workspace it may have, and the types of its resources."""
    match command:
        case Save():
            return defining.needs(command, turn)
        case Deploy():
            return defining.needs(deploying.saved(command), turn)
        case Fork():
            return [ById("workflow", command.into), ByName("workflow", command.name)]
        case Propose():
            save = sharing.read(Save, command.body)
            return [] if save is None else defining.needs(save, turn)
    return []


def points_at(state: State, command: Command) -> Sequence[ById]:
    """Know who has the routes of the version that is gone back to, and what is to be launched elsewhere."""
    if isinstance(command, Launch):
        return launching.elsewhere(state, command)
    if not isinstance(command, RollBack) or state.definition is None:
        return []
    found = [one for one in state.versions if one.number == command.version]
    return [
        need for one in found for need in triggers.needs(replace(state.definition, triggers=one.triggers))
    ]


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write it, plan it, and take what owners, executions and shared workspaces say."""
    match command:
        case Save():
            return _save(state, command, turn)
        case Delete():
            return _delete(state, turn)
        case Replan():
            return _ask_again(state, turn)
        case Fork():
            return _fork(state, command, turn)
        case Launch() | RollBack() | Pause() | Resume() | Backfill():
            return _run(state, command, turn)
        case Deploy() | Promote() | NoteDeployment():
            return _deploy(state, command, turn)
        case Propose() | Join() | Leave() | Announce():
            return _share(state, command, turn)
        case _:
            return _hear(state, command, turn)


def _hear(state: State, command: Heard, turn: Turn) -> Sequence[Event]:
    """Take what concerns the plan."""
    match command:
        case Held() | HoldRefused() | Confirmed() | Expired():
            events = planning.hear(state.plans, command, turn)
            return planning.then(state.plans, events, _wish(state, turn), turn.at)
        case SlotsCancelled():
            return planning.lose(state.plans, command, turn)
        case ExecutionChanged():
            return _note(state, command, turn)
        case Alarm():
            return _alarm(state, command, turn)
        case WorkspaceTaken():
            return _move(state, command, turn)
        case Aborted():
            return []
    assert_never(command)


def _save(state: State, command: Save, turn: Turn) -> Sequence[Event]:
    saved = defining.saved(state, command, turn)
    return [] if saved is None else [saved, *_replan(state, saved, turn)]


def _deploy(state: State, command: Deployment, turn: Turn) -> Sequence[Event]:
    if not isinstance(command, Deploy):
        return deploying.decide(state, command, turn)
    save = deploying.wanted(state, command, turn)
    if save is None:
        return []
    definition, by = take(Definition, save), command.by
    changed = defining.saved(state, save, turn, by) or defining.resaved(state, definition, turn, author=by)
    saved = replace(changed, promotion=command.promotion, origin=command.origin)
    return [saved, *_replan(state, saved, turn)]


def _run(state: State, command: Run, turn: Turn) -> Sequence[Event]:
    if isinstance(command, Launch):
        launching.check(state, command, turn)
        return []  # its run is another entity: nothing changes here, so that a save need not expect it
    if isinstance(command, RollBack):
        return _roll_back(state, command, turn)
    return scheduling.decide(state, command, turn)


def _roll_back(state: State, command: RollBack, turn: Turn) -> Sequence[Event]:
    """Save the definition and the triggers of an earlier version again; all else stays as it is."""
    if state.definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    version = versions.find(state.versions, command.version)
    target = replace(state.definition, definition=version.definition, triggers=version.triggers)
    changed, note = defining.in_time(state, scheduled.rolled_back(state.definition, target, turn.at), turn)
    if changed == state.definition:
        return []
    triggers.check(changed, turn)
    saved = defining.resaved(state, changed, turn, note)
    return [saved, *_replan(state, saved, turn)]


def _replan(state: State, saved: Saved, turn: Turn) -> Sequence[Event]:
    """Plan anew when what the plan depends on has changed."""
    if not saved.is_planned_anew:
        return []
    wish = _wish(evolve(state, saved), turn)
    return planning.unplan(state.plans) if wish is None else planning.plan(state.plans, wish, turn.at)


def _wish(state: State, turn: Turn) -> planning.Wish | None:
    definition = state.definition
    if definition is None or definition.schedule is None or not defining.is_planned(definition):
        return None
    return planning.Wish(turn.me.id, state.generation, definition, definition.schedule, state.demands)


def _delete(state: State, turn: Turn) -> Sequence[Event]:
    if state.generation == 0:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    if state.definition is None:
        return []
    executions = [*state.plans.running, *state.plans.starts.starting]
    if executions:
        detail = f"{', '.join(executions)} of it runs; cancel it first, or wait for its end"
        raise Rejected("started", detail, extra={"executions": executions})
    deleted = Deleted(
        generation=state.generation + 1,
        workspace=state.workspace,
        readers=tuple(sharing.readers(state.shares, turn.node)),
        shared=sharing.inside(state.shares),
        routes=tuple(map(triggers.route_id, triggers.http(state.definition))),
    )
    return [*planning.unplan(state.plans), deleted]


def _ask_again(state: State, turn: Turn) -> Sequence[Event]:
    if state.definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    wish = _wish(state, turn)
    is_refused = state.plans.status == "refused"
    return planning.plan(state.plans, wish, turn.at) if is_refused and wish is not None else []


def _move(state: State, command: WorkspaceTaken, turn: Turn) -> Sequence[Event]:
    other = defining.other_workspace(turn.me.id)
    is_ours = state.definition is not None and state.workspace == command.workspace
    return [WorkspaceChanged(workspace=other)] if is_ours and other != command.workspace else []


def _fork(state: State, command: Fork, turn: Turn) -> Sequence[Event]:
    if state.definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    if command.into in state.forks:
        return []
    if turn.known.get(ById("workflow", command.into)) is not None:
        raise Rejected("already_exists", f"the workflow {command.into} exists; take another id", at="/into")
    defining.check_name(command.name, command.into, turn)
    behalf.check_saved(turn.rights, turn.sender, behalf.acts(state.definition.definition))
    return [Forked(into=command.into, name=command.name)]


def _propose(state: State, command: Propose, turn: Turn) -> Sequence[Event]:
    sharing.check_right(sharing.readers(state.shares, turn.node), turn.peer)
    save = sharing.proposed(Save, command.body)
    if state.definition is not None:  # who may do what here is no peer's business
        save = replace(save, perimeters=state.definition.perimeters)
        access.check_proposed(state.definition.triggers, save.triggers)
    if take(Definition, save) == state.definition:
        return []
    sharing.check_generation(command.generation, state.generation)
    return _save(state, save, turn)


def _share(state: State, command: Share, turn: Turn) -> Sequence[Event]:
    if isinstance(command, Propose):
        return _propose(state, command, turn)
    if isinstance(command, Announce):
        return [Announced(peer=command.peer)] if state.generation else []
    if isinstance(command, Join) and state.definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    change = sharing.hear(state.shares, command, turn.node)
    if change is None:
        return []
    said = {"shared_generation": command.generation, **change._asdict()}
    return [take(Joined, command, **said) if isinstance(command, Join) else take(Left, command, **said)]


def _note(state: State, command: ExecutionChanged, turn: Turn) -> Sequence[Event]:
    events = planning.note(state.plans, command, turn.at)
    after = reduce(plans.evolve, events, state.plans)
    return [*events, *(starting.settle(after, _schedule(state), starting.Due(turn.at)) if events else ())]


def _schedule(state: State) -> Schedule | None:
    return None if state.definition is None else state.definition.schedule


def _alarm(state: State, command: Alarm, turn: Turn) -> Sequence[Event]:
    if alarms(state).get(command.name) != command.due:
        return []
    wish = _wish(state, turn)
    if command.name == "deadline":
        return planning.then(state.plans, planning.give_up(state.plans, turn.at), wish, turn.at)
    return [] if wish is None else planning.come(state.plans, wish, turn.at)


def evolve(state: State, event: Event) -> State:
    """Hold what was said last, by a person, by the owners and by each shared workspace."""
    revision = state.revision + 1
    match event:
        case Saved():
            return replace(
                state,
                definition=take(Definition, event),
                generation=event.generation,
                revision=revision,
                workspace=event.workspace,
                demands=event.demands,
                versions=versions.after(state.versions, event),
                promotion=event.promotion,
                origin=event.origin or state.origin,
            )
        case Deleted():
            shares = sharing.emptied(state.shares)
            gone = replace(state, definition=None, generation=event.generation, revision=revision)
            return replace(gone, shares=shares, demands={})
        case Joined() | Left():
            revision = state.revision + bool(event.told)
            return replace(state, revision=revision, shares=sharing.told(state.shares, event))
        case Forked() | DeploymentNoted():
            return deploying.noted(state, event)
        case WorkspaceChanged():
            return replace(state, workspace=event.workspace)
        case Announced():
            return state
        case Fired() | Paused() | Resumed() | Backfilled():
            return replace(state, plans=plans.begun(state.plans, event))
        case _:
            return replace(state, plans=plans.evolve(state.plans, event))


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Have the workspace follow, the peers know, and the plan carried out."""
    owned, rights = owned_by(state, turn), sharing.readers(state.shares, turn.node)
    match event:
        case Saved():
            follow = _follow(state, turn) if event.is_followed else []
            routes = triggers.claims(state.definition, event.generation, turn)
            routes += triggers.releases(event.routes_left, event.generation, turn)
            told = deploying.arrived(state, event)
            return [*follow, *routes, *sharing.puts(owned, rights, rights), *told]
        case Deleted():
            unfollow = Unfollow(workflow=turn.me.id, generation=event.generation)
            forget = Forget(kind="workflow", id=turn.me.id)
            told = [Order(Address("shared_workspace", shared), forget) for shared in event.shared]
            gone = Order(Address("workspace", event.workspace), unfollow)
            routes = triggers.releases(event.routes, event.generation, turn)
            return [gone, *sharing.drops(owned, event.readers), *routes, *told]
        case Joined() | Left():
            return sharing.puts(owned, rights, [*event.told, *event.dropped])
        case Announced():
            return sharing.puts(owned, rights, [event.peer])
        case WorkspaceChanged():
            return _follow(state, turn)
        case Forked() | DeploymentNoted():
            return _forked(state, event, turn) if isinstance(event, Forked) else []
        case Fired() | Paused() | Resumed() | Backfilled():
            return begun.react(state.plans, event, turn)
        case _:
            return orders.react(state.plans, event, turn)


def _follow(state: State, turn: Turn) -> list[Order]:
    definition = state.definition
    if definition is None:
        return []
    follow = Follow(
        workflow=turn.me.id,
        generation=state.generation,
        name=defining.workspace_name(defining.known_as(definition)),
        resources=definition.resources,
    )
    return [Order(Address("workspace", state.workspace), follow)]


def _forked(state: State, event: Forked, turn: Turn) -> list[Order]:
    """Have it saved in the name of who forks: what the other one does, it does in that."""
    if state.definition is None:
        return []
    save = take(Save, replace(state.definition, name=event.name, schedule_active=False, triggers=()))
    return [Order(Address("workflow", event.into), save, sender=turn.sender)]


def answer(command: Command, no: Rejected, turn: Turn) -> Sequence[Effect]:
    """Tell the shared workspace that it cannot have it, and a peer that its change is refused."""
    match command:
        case Join() if turn.is_internal:
            said = {"kind": "workflow", "id": turn.me.id, "code": no.code, "detail": no.detail}
            refused = take(JoinRefused, command, **said)
            return [Order(Address("shared_workspace", command.shared_workspace), refused)]
        case Propose():
            return sharing.refusal(command.reply_to, command.generation, no, turn.peer)
        case Launch():
            return launching.refused(command, no)
        case Deploy():
            return deploying.refused(command, no)
    return []


ACTOR: Actor[State, Any, Any] = Actor(
    kind="workflow",
    commands=(
        *(
            Save,
            Delete,
            Replan,
            Fork,
            Launch,
            Promote,
            RollBack,
            Pause,
            Resume,
            Backfill,
            Propose,
            Join,
            Leave,
            Announce,
            ExecutionChanged,
            WorkspaceTaken,
            Deploy,
            NoteDeployment,
        ),
        *(Held, HoldRefused, Confirmed, Expired, Aborted, SlotsCancelled),
    ),
    events=(
        *(Saved, Deleted, WorkspaceChanged, DeploymentNoted, Forked, Joined, Left, Announced),
        *get_args(plans.Event),
        *get_args(starts.Event),
    ),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    passes=launching.passes,
    tells=launching.tells,
    answer=answer,
    needs=needs,
    points_at=points_at,
    alarms=alarms,
    summary=summary,
    filters=frozenset(
        {
            *("active", "schedule_active", "environment", "workspace", "shared", "paused"),
            *("metadata", "origin", "access"),
        }
    ),
    view=view,
    questions={**launching.QUESTIONS, **scheduling.QUESTIONS},
    copies=copies,
    internal=frozenset(
        {
            *("propose", "join", "leave", "announce", "execution_changed", "workspace_taken"),
            *("held", "hold_refused", "confirmed", "expired", "aborted", "slots_cancelled"),
            *("deploy", "note_deployment"),
        }
    ),
    peers_may=frozenset(
        {"propose", "held", "hold_refused", "confirmed", "expired", "aborted", "slots_cancelled"}
    ),
)
