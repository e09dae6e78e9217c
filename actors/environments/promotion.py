"""A promotion: a workflow is checked for another environment, goes there, and may be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never, get_args

import msgspec
from msgspec.structs import replace

from actors.actor import Actor, Effect, Order, Question, Rejected, Summary, Task, Turn
from actors.definition.difference import difference
from actors.environments import promoting
from actors.fields import take
from actors.rights import behalf
from messages import promotion, workflow
from messages.envelope import Address
from messages.promotion import (
    Arrived,
    Begin,
    Begun,
    Check,
    Checked,
    Command,
    Deployed,
    Event,
    Failed,
    Look,
    Refused,
    RollBack,
    RolledBack,
    RollingBack,
    Status,
    Weighed,
)
from messages.workflow import Definition

QUEUE = "promotions"
ENDS = ("refused", "planned", "deployed", "rolled_back")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is; without ``begun`` it was never asked for."""

    begun: Begun | None = None
    status: Status = "checking"
    checks: tuple[Check, ...] = ()
    target: Definition | None = None
    """What was there before."""
    generation: int = 0
    """Of what is there: what was seen, and then what it has become."""
    workflow_version: int = 0
    code: str = ""
    detail: str = ""
    ended_at: datetime | None = None


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Weigh what was found out, and take what the workflow there says."""
    if isinstance(command, Begin):
        begun = take(Begun, command, at=turn.at)
        if state.begun is None:
            return [begun]
        if replace(state.begun, at=turn.at) == begun:
            return []
        raise Rejected("already_exists", "there is such a promotion; take another id")
    if state.begun is None:
        raise Rejected("not_found", f"there is no promotion {turn.me.id}")
    match command:
        case Checked():
            return _weigh(state, state.begun, command, turn)
        case Deployed():
            return _arrive(state, command, turn)
        case Failed() if state.status in ("deploying", "rolling_back"):
            return [take(Refused, command, at=turn.at)]
        case Failed():
            return []
        case RollBack():
            return _roll_back(state, state.begun, turn)
    assert_never(command)


def _weigh(state: State, begun: Begun, command: Checked, turn: Turn) -> Sequence[Event]:
    if state.status != "checking":
        return []
    checks = promoting.checks(begun, command.facts, turn.rights)
    status: Status = "planned" if begun.is_plan else "deploying"
    if not all(check.is_met for check in checks):
        status = "refused"
    return [take(Weighed, command.facts, status=status, checks=checks, at=turn.at)]


def _arrive(state: State, command: Deployed, turn: Turn) -> Sequence[Event]:
    match state.status:
        case "deploying":
            return [take(Arrived, command, at=turn.at)]
        case "rolling_back":
            return [take(RolledBack, command, at=turn.at)]
    return []


def _roll_back(state: State, begun: Begun, turn: Turn) -> Sequence[Event]:
    check = promoting.right(turn.rights, turn.sender, begun)
    if not check.is_met:
        raise Rejected("not_granted", check.detail)
    if state.status in ("rolling_back", "rolled_back"):
        return []
    if state.status != "deployed":
        raise Rejected("state_conflict", f"it is {state.status}: only what was deployed is taken back")
    if state.target is None:
        remedy = f"covey workflow save {begun.into} --no-active"
        detail = f"nothing was there before; to have it run no more: {remedy}"
        raise Rejected("first_version", detail)
    behalf.check_saved(turn.rights, turn.sender, behalf.acts(state.target.definition))
    return [RollingBack()]


def evolve(state: State, event: Event) -> State:
    """Follow it."""
    match event:
        case Begun():
            return State(begun=event)
        case Weighed():
            ended = event.at if event.status != "deploying" else None
            return replace(
                state,
                status=event.status,
                checks=event.checks,
                target=event.target,
                generation=event.generation,
                ended_at=ended,
            )
        case Arrived() | RolledBack():
            status: Status = "deployed" if isinstance(event, Arrived) else "rolled_back"
            arrived = replace(state, status=status, generation=event.generation, ended_at=event.at)
            return replace(arrived, workflow_version=event.workflow_version, code="", detail="")
        case Refused():
            # what is there and could not be taken back is still there
            status = "deployed" if state.status == "rolling_back" else "refused"
            return replace(state, status=status, code=event.code, detail=event.detail, ended_at=event.at)
        case RollingBack():
            return replace(state, status="rolling_back", code="", detail="")
    assert_never(event)


def react(state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Have it looked into, and the workflow there changed."""
    begun = state.begun
    if begun is None:
        return []
    match event:
        case Begun():
            return [Task(QUEUE, take(Look, begun, promotion=turn.me.id))]
        case Weighed() if event.status == "deploying":
            return [_deploy(state, begun, (begun.definition, begun.by), turn)]
        case RollingBack() if state.target is not None:
            return [_deploy(state, begun, (state.target, turn.sender), turn)]
        case Arrived():
            noted = workflow.NoteDeployment(environment=begun.to, workflow=begun.into)
            return [Order(Address("workflow", begun.origin), noted)]
    return []


def _deploy(state: State, begun: Begun, what: tuple[Definition, str], turn: Turn) -> Order:
    definition, by = what
    deploy = workflow.Deploy(
        promotion=turn.me.id,
        origin=begun.origin,
        environment=begun.to,
        definition=definition,
        generation=state.generation,
        by=by,
    )
    return Order(Address("workflow", begun.into), deploy)


def summary(state: State) -> Summary | None:
    """Stand under its workflow."""
    begun = state.begun
    if begun is None:
        return None
    fields: dict[str, Any] = {"environment": begun.environment, "target": begun.to, "into": begun.into}
    fields["is_plan"] = begun.is_plan
    return Summary(status=state.status, parent=begun.workflow, at=begun.at, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the checks, and what is different from what was there."""
    begun = state.begun
    if begun is None:
        return None
    return {
        "workflow": begun.workflow,
        "from": begun.environment,
        "to": begun.to,
        "into": begun.into,
        "workflow_version": begun.workflow_version,
        "status": state.status,
        "is_plan": begun.is_plan,
        "by": begun.by,
        "at": begun.at,
        "ended_at": state.ended_at,
        "checks": msgspec.to_builtins(state.checks),
        "changes": [change._asdict() for change in _changes(state, begun)],
        "is_new": state.target is None,
        "generation": state.generation,
        "code": state.code,
        "detail": state.detail,
    }


def _changes(state: State, begun: Begun) -> list[Any]:
    """Return what is different from what was there; nothing was: all of it is new."""
    if state.target is None or state.status == "checking":
        return []
    old, new = (msgspec.to_builtins(one) for one in (state.target, begun.definition))
    kept = ("environment", "active", "schedule_active")
    return [one for one in difference(old, new) if one.at.split("/")[1] not in kept]


def is_over(state: State) -> bool:
    """Say whether something has come of it."""
    return state.begun is not None and state.status in ENDS


def _waited(state: State, _asked: promotion.Wait, turn: Turn) -> dict[str, Any]:
    found = view(state)
    if found is None:
        raise Rejected("not_found", f"there is no promotion {turn.me.id}")
    return {**found, "is_final": is_over(state)}


QUESTIONS: Mapping[str, Question[State]] = {
    "wait": Question(query=promotion.Wait, answer=_waited, waits=is_over),
}

ACTOR: Actor[State, Any, Any] = Actor(
    kind="promotion",
    commands=(RollBack, *(one for one in get_args(Command) if one is not RollBack)),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    summary=summary,
    belongs_to="workflow",
    filters=frozenset({"environment", "target", "into", "is_plan"}),
    view=view,
    questions=QUESTIONS,
    internal=frozenset({"begin", "checked", "deployed", "failed"}),
)
