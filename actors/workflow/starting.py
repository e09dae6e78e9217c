"""How a workflow begins its executions when their time has come, and what becomes of those it missed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from actors.workflow import schedule
from actors.workflow.overlap import deal
from actors.workflow.plans import Plans, Standing
from actors.workflow.starts import begins
from messages.schedule import Schedule
from messages.starting import Fired, Skipped, Slot, Waiting

NO_SCHEDULE = Schedule(start="1970-01-01")
"""What goes for a backfill whose schedule is no more."""


class Due(NamedTuple):
    """What has come due: that which may start, and that which does not."""

    at: datetime
    slots: Sequence[Slot] = ()
    skipped: Sequence[Skipped] = ()
    until: datetime | None = None


def next_due(plans: Plans) -> datetime | None:
    """Return when the next execution that stands begins."""
    return next((begins(slot) for slot in _unseen(plans)), None)


def came(plans: Plans, at: datetime) -> list[Slot]:
    """Return what has come due by an instant and has not been seen to, in order."""
    return list(takewhile(lambda slot: begins(slot) <= at, _unseen(plans)))


def _unseen(plans: Plans) -> Iterator[Slot]:
    """Yield what stands and has not been seen to, in order."""
    standing, starts = plans.standing, plans.starts
    if standing is None or not standing.plan.starts_itself:
        return
    first = 0 if standing.fired is None else bisect_right(standing.slots, standing.fired, key=begins)
    taken = frozenset((*starts.starting, *starts.waiting_ids, *_lost(standing)))
    for number in range(first, len(standing.slots)):
        slot = standing.slots[number]
        if slot.execution not in taken and slot.execution not in plans.noted:
            yield slot


def _lost(standing: Standing) -> Iterator[str]:
    return (execution for lost in standing.lost.values() for execution in lost)


def fire(plans: Plans, plan: Schedule, at: datetime) -> list[Fired]:
    """See to all that has come due by an instant."""
    found = came(plans, at)
    if not found:
        return []
    kept, skipped = [], []
    for number, slot in enumerate(found):
        passed = _passed(plans, plan, slot, (found[number + 1 :], at))
        if passed is None:
            kept.append(slot)
        else:
            skipped.append(passed)
    return settle(plans, plan, Due(at, kept, skipped, begins(found[-1])))


def _passed(plans: Plans, plan: Schedule, slot: Slot, now: tuple[Sequence[Slot], datetime]) -> Skipped | None:
    """Say why an execution whose time has come does not start, if so."""
    later, at = now
    why = _paused(plans, slot)
    if why:
        return Skipped(execution=slot.execution, reason=why)
    why = _missed(plans, plan, slot, at) or (_overtaken(plan, slot, later, at))
    return Skipped(execution=slot.execution, reason=why, is_missed=True) if why else None


def _paused(plans: Plans, slot: Slot) -> str:
    pause = plans.starts.pause
    if pause is None or not (
        pause.since <= begins(slot) and (pause.until is None or begins(slot) < pause.until)
    ):
        return ""
    return "the schedule was paused" + (f": {pause.note}" if pause.note else "")


def _missed(plans: Plans, plan: Schedule, slot: Slot, at: datetime) -> str:
    """Say why what is later than the grace allows is not caught up."""
    late = at - begins(slot)
    if late <= schedule.grace(plan):
        return ""
    if plan.catch_up == "none":
        return "it was missed, and catch_up is none"
    if late > schedule.window(plan):
        return f"it was missed by more than the catch_up_window, {schedule.window(plan)}"
    return "it was missed, and its slot is over" if _is_over(plans, slot, at) else ""


def _overtaken(plan: Schedule, slot: Slot, later: Sequence[Slot], at: datetime) -> str:
    """Say what goes before a missed one when only the last is caught up."""
    if plan.catch_up != "last" or at - begins(slot) <= schedule.grace(plan):
        return ""
    if later:
        return f"it was missed, and {later[0].execution} is due, too"
    following = next(schedule.times(plan, slot.start + timedelta(microseconds=1)), None)
    return "it was missed, and a later one is due, too" if following and following <= at else ""


def settle(plans: Plans, plan: Schedule | None, due: Due) -> list[Fired]:
    """Begin what may begin beside what runs now; the rest waits, or does not run."""
    plan, starts = plan or NO_SCHEDULE, plans.starts
    kept, skipped = [], list(due.skipped)
    for one in (*starts.waiting, *(Waiting(slot=slot) for slot in due.slots)):
        over = one.overlap is None and _is_over(plans, one.slot, due.at)
        if one.overlap is None and (starts.is_paused or over):
            reason = "its slot was over when its turn came" if over else "the schedule is paused"
            skipped.append(Skipped(execution=one.slot.execution, reason=reason, is_missed=over))
        else:
            kept.append((one, one.overlap or plan.overlap))
    dealt = deal(kept, (*plans.running, *starts.starting))
    known, how = starts.waiting_ids, dealt.how or "cancel"
    stopped = tuple(
        id for id in plans.running if dealt.how and starts.stopping.get(id) not in (how, "terminate")
    )
    skipped += dealt.skipped
    if due.until is None and not (dealt.started or skipped or stopped):
        return []
    return [
        Fired(
            started=dealt.started,
            waiting=tuple(one for one in dealt.waiting if one.slot.execution not in known),
            skipped=tuple(skipped),
            stopped=stopped,
            how=how,
            until=due.until,
        )
    ]


def _is_over(plans: Plans, slot: Slot, at: datetime) -> bool:
    """Say whether what an execution has booked is another's by now."""
    standing = plans.standing
    return standing is not None and bool(standing.plan.demands) and slot.end <= at
