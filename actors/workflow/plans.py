"""What is planned of a workflow: what is being asked of the owners, and what stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from actors.booking.book import Load
from actors.workflow import starts
from actors.workflow.starts import Starts, begins
from messages.envelope import micros
from messages.starting import Fired
from messages.states import ENDED, State
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

REMEMBERED = timedelta(days=2)
"""How long an execution that has ended is remembered, for messages that come late."""
REMEMBERED_MAX = 1000
"""When there are so many, the earlier half of those that have ended is forgotten."""

Event: TypeAlias = (
    Planned
    | Deferred
    | OwnerHeld
    | Agreed
    | OwnerConfirmed
    | HeldAgain
    | Scheduled
    | Refused
    | Unplanned
    | SlotsLost
    | ExecutionNoted
)


class Noted(msgspec.Struct, frozen=True):
    """An execution that has started or ended: no plan replaces it."""

    state: State
    start: datetime
    lost: tuple[str, ...] = ()
    """The resources whose owners took its slot back, when a later plan does not have it."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A plan while its owners are asked."""

    plan: Planned
    held: dict[str, tuple[str, ...]] = {}
    """The executions that each owner that holds has left out."""
    is_agreed: bool = False
    dropped: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    asked_again: dict[str, int] = {}
    held_until: datetime | None = None
    """Until when an owner that was asked again holds; None = none was."""
    lost: dict[str, tuple[str, ...]] = {}
    """The executions whose slot each owner took back since it confirmed."""

    @property
    def patience(self) -> timedelta:
        """How long an owner has to answer."""
        return self.plan.hold_until - self.plan.until

    @property
    def deadline(self) -> datetime:
        """When it is refused unless all owners have held, and then confirmed."""
        if not self.is_agreed:
            return self.plan.until
        # an owner that was away while its hold ran out can still be asked to hold again
        return (self.held_until or self.plan.hold_until) + self.patience

    @property
    def waiting(self) -> tuple[str, ...]:
        """The resources whose owners have not answered."""
        answered = self.confirmed if self.is_agreed else self.held
        return tuple(sorted(set(self.plan.demands) - set(answered)))

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The owners that have not answered."""
        return tuple(sorted({resource.partition("/")[0] for resource in self.waiting}))


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The plan that all owners confirmed."""

    plan: Planned
    slots: tuple[Slot, ...]
    lost: dict[str, tuple[str, ...]] = {}
    """The executions whose slot each owner took back."""
    fired: datetime | None = None
    """Whatever begins by then has been seen to."""
    late: frozenset[str] = frozenset()
    """Executions before those of the slots that have neither started nor ended: they are delayed."""


class Plans(msgspec.Struct, frozen=True, kw_only=True):
    """What is planned of a workflow."""

    generation: int = 0
    pending: Pending | None = None
    standing: Standing | None = None
    is_deferred: bool = False
    """Whether another plan is wanted after the one that is being confirmed."""
    refusals: tuple[Refusal, ...] = ()
    more_at: datetime | None = None
    noted: dict[str, Noted] = {}
    starts: Starts = Starts()

    @property
    def status(self) -> str:
        """Say in a word how it stands."""
        if self.pending is not None:
            return "planning"
        if self.refusals:
            return "refused"
        return "none" if self.standing is None else "scheduled"

    @property
    def drafts(self) -> frozenset[str]:
        """The executions of the pending plan that do not stand already."""
        asked = self.pending.plan.slots if self.pending else ()
        return ids(asked) - self.standing_ids

    @property
    def standing_ids(self) -> frozenset[str]:
        """The executions of the plan that stands."""
        return ids(self.standing.slots) | self.standing.late if self.standing else frozenset()

    @property
    def running(self) -> tuple[str, ...]:
        """The executions that have started and not ended."""
        return tuple(sorted(id for id, one in self.noted.items() if one.state == State.STARTED))


def ids(slots: Iterable[Slot]) -> frozenset[str]:
    """Return the executions of these slots."""
    return frozenset(slot.execution for slot in slots)


def booked(plans: Plans, resource: str) -> list[Load]:
    """Return what the plan that stands takes of a resource (``node/id``), but for what has started."""
    standing = plans.standing
    units = 0 if standing is None else standing.plan.demands.get(resource, 0)
    if standing is None or not units:
        return []
    gone = {*plans.noted, *standing.lost.get(resource, ())}
    kept = (slot for slot in standing.slots if slot.execution not in gone)
    return [Load(micros(slot.start), micros(slot.end), units) for slot in kept]


def evolve(plans: Plans, event: Event) -> Plans:
    """Hold what is asked, what stands, and what has become of the last."""
    match event:
        case Planned():
            return replace(plans, generation=event.generation, pending=Pending(plan=event), refusals=())
        case Deferred():
            return replace(plans, is_deferred=True)
        case OwnerHeld() | Agreed() | OwnerConfirmed() | HeldAgain():
            return plans if plans.pending is None else replace(plans, pending=_asked(plans.pending, event))
        case Scheduled():
            return replace(_standing(plans), starts=starts.without(plans.starts, event.removed))
        case Refused():
            refused = replace(
                plans, pending=None, is_deferred=False, starts=starts.without(plans.starts, event.removed)
            )
            return replace(refused, refusals=event.refusals, more_at=event.more_at)
        case Unplanned():
            left = starts.without(plans.starts, event.removed)
            return Plans(generation=event.generation, noted=plans.noted, starts=left)
        case SlotsLost():
            return _lost(plans, event)
        case ExecutionNoted():
            noted = {**_recent(plans.noted, event.at), event.execution: Noted(event.state, event.start)}
            left = starts.noted(plans.starts, event.execution, is_over=event.state in ENDED)
            return replace(plans, noted=noted, starts=left)
    assert_never(event)


def begun(plans: Plans, event: starts.Event) -> Plans:
    """Follow what comes due."""
    after = replace(plans, starts=starts.evolve(plans.starts, event))
    if not (isinstance(event, Fired) and event.until and plans.standing):
        return after
    return replace(after, standing=replace(plans.standing, fired=event.until))


def _recent(noted: dict[str, Noted], at: datetime) -> dict[str, Noted]:
    kept = {id: one for id, one in noted.items() if one.state not in ENDED or one.start > at - REMEMBERED}
    if len(kept) < REMEMBERED_MAX:
        return kept
    ended = sorted((one.start, id) for id, one in kept.items() if one.state in ENDED)
    gone = {id for _, id in ended[: len(ended) // 2]}
    return {id: one for id, one in kept.items() if id not in gone}


def _asked(pending: Pending, event: OwnerHeld | Agreed | OwnerConfirmed | HeldAgain) -> Pending:
    match event:
        case OwnerHeld():
            return replace(pending, held={**pending.held, event.resource: event.skipped})
        case Agreed():
            return replace(pending, is_agreed=True, dropped=frozenset(event.dropped))
        case OwnerConfirmed():
            return replace(pending, confirmed=pending.confirmed | {event.resource})
        case HeldAgain():
            held = {resource: left for resource, left in pending.held.items() if resource != event.resource}
            times = {**pending.asked_again, event.resource: pending.asked_again.get(event.resource, 0) + 1}
            return replace(pending, held=held, asked_again=times, held_until=event.until)
    assert_never(event)


def _standing(plans: Plans) -> Plans:
    pending = plans.pending
    if pending is None:
        return plans
    slots = tuple(slot for slot in pending.plan.slots if slot.execution not in pending.dropped)
    late = plans.standing_ids - ids(slots) - set(plans.noted) - pending.dropped
    late = late - _seen_to(plans) if pending.plan.extends else frozenset()
    fired = plans.standing.fired if plans.standing and pending.plan.extends else None
    standing = Standing(plan=pending.plan, slots=slots, late=late, lost=pending.lost, fired=fired)
    return replace(plans, pending=None, standing=standing, more_at=pending.plan.more_at, is_deferred=False)


def _seen_to(plans: Plans) -> frozenset[str]:
    """Return what has come due and neither waits nor lacks a slot: it has ended, if that is known or not."""
    standing = plans.standing
    if standing is None or standing.fired is None:
        return frozenset()
    lost = (id for lost in standing.lost.values() for id in lost)
    unseen = plans.starts.waiting_ids.union(plans.starts.starting, lost)
    return ids(slot for slot in standing.slots if begins(slot) <= standing.fired) - unseen


def _lost(plans: Plans, event: SlotsLost) -> Plans:
    pending, standing = plans.pending, plans.standing
    if pending is not None and pending.plan.generation == event.generation:
        return replace(plans, pending=replace(pending, lost=_with(pending.lost, event)))
    if standing is not None and standing.plan.generation == event.generation:
        return replace(plans, standing=replace(standing, lost=_with(standing.lost, event)))
    lost = {id: plans.noted[id] for id in event.executions if id in plans.noted}
    noted = {id: replace(one, lost=(*one.lost, event.resource)) for id, one in lost.items()}
    return replace(plans, noted={**plans.noted, **noted})


def _with(lost: dict[str, tuple[str, ...]], event: SlotsLost) -> dict[str, tuple[str, ...]]:
    return {**lost, event.resource: (*lost.get(event.resource, ()), *event.executions)}
