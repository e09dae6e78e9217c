"""How a workflow plans its executions with the owners of its compute: hold everywhere, then confirm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import NamedTuple, TypeAlias, assert_never

import msgspec

from actors.actor import Turn
from actors.workflow import schedule, slots, starting
from actors.workflow.plans import Event, Pending, Plans, Standing, begun, evolve, ids
from messages.booking_answers import Confirmed, Expired, Held, HoldRefused, SlotsCancelled
from messages.schedule import Schedule
from messages.starting import Fired
from messages.states import ENDED, State
from messages.workflow import Definition, ExecutionChanged
from messages.workflow_events import (
    Agreed,
    Deferred,
    ExecutionNoted,
    HeldAgain,
    OwnerConfirmed,
    OwnerHeld,
    Planned,
    Refusal,
    Refused,
    Scheduled,
    Slot,
    SlotsLost,
    Unplanned,
)

HOLDS = 3
"""How often an owner is asked to hold what expired before the confirmation came."""
EXTEND_AGAIN = timedelta(days=1)
"""When an extension that was refused is tried again."""


class Wish(NamedTuple):
    """What is to be planned."""

    workflow: str
    generation: int
    definition: Definition
    schedule: Schedule
    demands: dict[str, int]


def plan(plans: Plans, wish: Wish, at: datetime) -> list[Event]:
    """Plan anew, in place of what is pending and, once all owners agree, of what stands."""
    if plans.pending is not None and plans.pending.is_agreed:
        return [] if plans.is_deferred else [Deferred()]  # what is being confirmed cannot be taken back
    found, more_at = schedule.plan(wish.schedule, at)
    return _planned(plans, wish, at, Asked(_slots(plans, wish, found), more_at))


def extend(plans: Plans, wish: Wish, at: datetime) -> list[Event]:
    """Plan the next part of a schedule without end, along with what still stands."""
    if plans.standing is None:
        return []
    # what has come due and books nothing is begun from the plan that is made now, with what came due after it
    due = frozenset() if wish.demands else ids(starting.came(plans, at))
    kept = tuple(slot for slot in plans.standing.slots if slot.end > at or slot.execution in due)
    last = max((slot.start for slot in plans.standing.slots), default=None)
    found, more_at = schedule.plan(wish.schedule, at, last)
    more = _slots(plans, wish, (*slots.missed(plans.standing, wish.schedule, at), *found))
    asked = kept + more
    if due and len(asked) > schedule.EXECUTIONS:
        more_at = at + timedelta(microseconds=1)  # when those that are due have been seen to there is room
    return _planned(plans, wish, at, Asked(asked[: schedule.EXECUTIONS], more_at, extends=True))


def come(plans: Plans, wish: Wish, at: datetime) -> list[Event | Fired]:
    """Begin what is due, and plan more when the time for that has come, too."""
    is_due = plans.pending is None and plans.more_at is not None and plans.more_at <= at
    if not is_due:
        return [*starting.fire(plans, wish.schedule, at)]
    if wish.demands:
        fired = starting.fire(plans, wish.schedule, at)
        return [*fired, *extend(reduce(begun, fired, plans), wish, at)]
    more = extend(plans, wish, at)
    return [*more, *starting.fire(reduce(evolve, more, plans), wish.schedule, at)]


class Asked(NamedTuple):
    """What a plan asks for."""

    slots: tuple[Slot, ...]
    more_at: datetime | None
    extends: bool = False


def _slots(plans: Plans, wish: Wish, found: Sequence[schedule.Slot]) -> tuple[Slot, ...]:
    known = {*plans.noted, *plans.starts.starting}
    named = slots.named(wish.workflow, found)
    return slots.delayed([slot for slot in named if slot.execution not in known], wish.schedule)


def _planned(plans: Plans, wish: Wish, at: datetime, asked: Asked) -> list[Event]:
    before = plans.pending.plan if plans.pending else None
    patience = schedule.deadline(wish.schedule)
    demands = wish.demands if asked.slots else {}
    planned = Planned(
        generation=plans.generation + 1,
        workflow_version=wish.generation,
        slots=asked.slots,
        demands=demands,
        on_conflict=wish.definition.on_conflict,
        on_cancelled=wish.definition.on_cancelled,
        grace_seconds=schedule.grace(wish.schedule).total_seconds(),
        until=at + patience,
        hold_until=at + 2 * patience,
        more_at=asked.more_at,
        extends=asked.extends,
        overtaken=before.generation if before else 0,
        removed=tuple(sorted(plans.drafts - ids(asked.slots))),
        aborted=tuple(sorted(set(before.demands) - set(demands))) if before else (),
        starts_itself=wish.definition.definition is not None,
    )
    return [planned] if demands else [planned, _scheduled(plans, planned)]


def _scheduled(plans: Plans, planned: Planned, dropped: frozenset[str] = frozenset()) -> Scheduled:
    kept = ids(planned.slots) - dropped
    before = frozenset() if planned.extends else plans.standing_ids
    gone = (before | dropped) - kept - set(plans.noted) - set(plans.starts.starting)
    had = set(plans.standing.plan.demands) if plans.standing else set()
    return Scheduled(
        generation=planned.generation,
        removed=tuple(sorted(gone)),
        released=tuple(sorted(had - set(planned.demands))),
    )


def unplan(plans: Plans) -> list[Event]:
    """Give up all that is planned and has not started."""
    starts = plans.starts
    if plans.pending is None and plans.standing is None and not (plans.refusals or starts.waiting):
        return []
    left = plans.drafts | plans.standing_ids | starts.waiting_ids
    planned = [one.plan for one in (plans.pending, plans.standing) if one is not None]
    return [
        Unplanned(
            generation=plans.generation + 1,
            removed=tuple(sorted(left - set(plans.noted) - set(starts.starting))),
            released=tuple(sorted({resource for one in planned for resource in one.demands})),
        )
    ]


Answer: TypeAlias = Held | HoldRefused | Confirmed | Expired


def hear(plans: Plans, answer: Answer, turn: Turn) -> list[Event]:
    """Take what the owner of a resource answers to the plan that is pending; anything else is late."""
    pending = plans.pending
    if pending is None or answer.generation != pending.plan.generation:
        return []
    if answer.resource not in pending.plan.demands or answer.resource.partition("/")[0] != turn.origin:
        return []
    match answer:
        case Held():
            return _held(plans, pending, answer, turn.at)
        case HoldRefused():
            return _refused_by(plans, pending, answer, turn)
        case Confirmed():
            return _confirmed(plans, pending, answer)
        case Expired():
            return _expired(plans, pending, answer.resource, turn)
    assert_never(answer)


def _held(plans: Plans, pending: Pending, answer: Held, at: datetime) -> list[Event]:
    if answer.resource in pending.held:
        return []
    held = OwnerHeld(resource=answer.resource, skipped=tuple(answer.skipped))
    if pending.is_agreed or pending.waiting != (answer.resource,):
        return [held]
    skipped = {one for left_out in pending.held.values() for one in left_out} | set(answer.skipped)
    if ids(pending.plan.slots) <= skipped:
        detail = "each execution conflicts somewhere; choose other times"
        return [
            held,
            _refused(plans, pending, "booking_refused", Refusal(code="already_booked", detail=detail), at),
        ]
    return [held, Agreed(generation=pending.plan.generation, dropped=tuple(sorted(skipped)))]


def _refused_by(plans: Plans, pending: Pending, answer: HoldRefused, turn: Turn) -> list[Event]:
    refusal = Refusal(
        code=answer.code,
        detail=answer.detail,
        owner=turn.origin,
        resource=answer.resource,
        conflicts=tuple(msgspec.to_builtins(answer.conflicts)),
        nearest=tuple(msgspec.to_builtins(answer.nearest)),
    )
    return [_refused(plans, pending, "booking_refused", refusal, turn.at)]


def _confirmed(plans: Plans, pending: Pending, answer: Confirmed) -> list[Event]:
    if not pending.is_agreed or answer.resource in pending.confirmed:
        return []
    confirmed = OwnerConfirmed(resource=answer.resource)
    if pending.waiting != (answer.resource,):
        return [confirmed]
    return [confirmed, _scheduled(plans, pending.plan, pending.dropped)]


def _expired(plans: Plans, pending: Pending, resource: str, turn: Turn) -> list[Event]:
    refusal = Refusal(
        code="expired",
        detail="the hold expired before it was confirmed",
        owner=turn.origin,
        resource=resource,
    )
    if not pending.is_agreed:
        return [_refused(plans, pending, "expired", refusal, turn.at)]
    if resource in pending.confirmed or resource not in pending.held:
        return []
    if pending.asked_again.get(resource, 0) >= HOLDS:
        return [_refused(plans, pending, "expired", refusal, turn.at)]
    return [HeldAgain(resource=resource, until=turn.at + pending.patience)]


def give_up(plans: Plans, at: datetime) -> list[Event]:
    """Refuse the pending plan at its deadline, naming the owners that have not held it, or not confirmed."""
    pending = plans.pending
    if pending is None:
        return []
    detail = f"no answer in time about {', '.join(pending.waiting)}; replan when they are back"
    refusal = Refusal(code="expired", detail=detail, waiting=pending.waiting_for)
    return [_refused(plans, pending, "expired", refusal, at)]


def _refused(plans: Plans, pending: Pending, code: str, refusal: Refusal, at: datetime) -> Refused:
    return Refused(
        generation=pending.plan.generation,
        code=code,
        refusals=(refusal,),
        removed=tuple(sorted(plans.drafts)),
        aborted=tuple(sorted(pending.plan.demands)),
        more_at=at + EXTEND_AGAIN if pending.plan.extends else None,
    )


def note(plans: Plans, command: ExecutionChanged, at: datetime) -> list[Event]:
    """Remember that an execution has started or ended; what ended does not start again."""
    known = plans.noted.get(command.execution)
    if known is not None and (known.state == command.state or known.state in ENDED):
        return []
    return [ExecutionNoted(execution=command.execution, state=command.state, start=command.start, at=at)]


def lose(plans: Plans, command: SlotsCancelled, turn: Turn) -> list[Event]:
    """Take notice of the slots that their owner took back."""
    if command.resource.partition("/")[0] != turn.origin:
        return []
    found: dict[int, list[str]] = {}
    for execution in sorted(set(command.executions)):
        generation = _losing(plans, command, execution)
        if generation:
            found.setdefault(generation, []).append(execution)
    return [
        SlotsLost(resource=command.resource, generation=of, executions=tuple(lost), reason=command.reason)
        for of, lost in found.items()
    ]


def _losing(plans: Plans, command: SlotsCancelled, execution: str) -> int:
    """Return the plan that loses the slot of an execution; 0: none, or it is known."""
    plan = _booked(plans, command, execution)
    if plan is not None:
        return 0 if execution in plan.lost.get(command.resource, ()) else plan.plan.generation
    # a run goes on when a later plan does not have it
    run = plans.noted.get(execution)
    is_news = run is not None and run.state == State.STARTED and command.resource not in run.lost
    return command.generation if is_news else 0


def _booked(plans: Plans, command: SlotsCancelled, execution: str) -> Pending | Standing | None:
    """Return the plan whose slot of an execution is, or was, in the book of a resource."""
    resource, pending, standing = command.resource, plans.pending, plans.standing
    if command.generation:
        of = (one for one in (pending, standing) if one and one.plan.generation == command.generation)
        has_it = (one for one in of if resource in one.plan.demands and execution in ids(one.plan.slots))
        return next(has_it, None)
    has_confirmed = pending is not None and resource in pending.confirmed
    is_booked = standing is not None and resource in standing.plan.demands
    if is_booked and not has_confirmed and standing and execution in ids(standing.slots):
        return standing
    is_held = pending is not None and resource in pending.held
    return pending if pending and is_held and execution in ids(pending.plan.slots) else None


def then(plans: Plans, events: Sequence[Event], wish: Wish | None, at: datetime) -> list[Event]:
    """Add the plan that was put off, when these events end what it waits for."""
    is_settled = any(isinstance(event, Scheduled | Refused) for event in events)
    if not (plans.is_deferred and is_settled and wish is not None):
        return list(events)
    return [*events, *plan(reduce(evolve, events, plans), wish, at)]
