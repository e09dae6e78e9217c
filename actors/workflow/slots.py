"""The slots of a workflow: the names of its executions, how late each begins, and those that were missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice, takewhile

from msgspec.structs import replace

from actors.workflow import schedule
from actors.workflow.plans import Standing
from messages.schedule import Schedule
from messages.starting import Slot

ID_CHARACTERS = 64
MISSED_MAX = 250
"""How many are caught up of those that came due while a node was down for longer than was planned ahead."""


def execution_id(workflow: str, start: datetime, backfill: str = "") -> str:
    """Return the id of the execution of a workflow at an instant; it fits in a token."""
    stamp = f"{start:%Y%m%dT%H%M%S}" + (f"-{start.microsecond:06}" if start.microsecond else "") + "Z"
    if backfill:
        stamp += "-" + blake2b(backfill.encode(), digest_size=4).hexdigest()
    if len(workflow) + len(stamp) + 1 <= ID_CHARACTERS:
        return f"{workflow}-{stamp}"
    mark = blake2b(workflow.encode(), digest_size=4).hexdigest()
    return f"{workflow[: ID_CHARACTERS - len(mark) - len(stamp) - 2]}-{mark}-{stamp}"


def named(workflow: str, found: Iterable[schedule.Slot], backfill: str = "") -> list[Slot]:
    """Return slots with the executions that they are of."""
    return [
        Slot(execution=execution_id(workflow, start, backfill), start=start, end=end) for start, end in found
    ]


def missed(standing: Standing, wish: Schedule, at: datetime) -> Sequence[schedule.Slot]:
    """Return what came due after all that was planned, as the node was down for so long."""
    plan = standing.plan
    known = max((slot.start for slot in standing.slots), default=plan.until - (plan.hold_until - plan.until))
    reach = schedule.window(wish) if wish.catch_up != "none" else timedelta(0)
    since = max(known + timedelta(microseconds=1), at - max(reach, schedule.grace(wish)))
    if plan.demands or not plan.starts_itself or since >= at:
        return ()
    if wish.catch_up == "last":
        last = schedule.latest(wish, since, at)
        return schedule.slots(wish, [last] if last else [])
    came = takewhile(lambda instant: instant < at, schedule.times(wish, since))
    return schedule.slots(wish, islice(came, MISSED_MAX))


def delayed(slots: Sequence[Slot], plan: Schedule) -> tuple[Slot, ...]:
    """Let each begin later by a share of the jitter that its id says, and before the next one's time."""
    if not slots or not schedule.jitter(plan):
        return tuple(slots)
    after = next(schedule.times(plan, slots[-1].start + timedelta(microseconds=1)), None)
    nexts = [*(slot.start for slot in slots[1:]), after or schedule.ends(plan)]
    return tuple(_delay(slot, schedule.jitter(plan), later) for slot, later in zip(slots, nexts, strict=True))


def _delay(slot: Slot, jitter: timedelta, later: datetime | None) -> Slot:
    most = jitter if later is None else min(jitter, later - slot.start)
    share = int.from_bytes(blake2b(slot.execution.encode(), digest_size=4).digest()) / 2**32
    return replace(slot, delay_seconds=int(most.total_seconds() * share * 1000) / 1000)
