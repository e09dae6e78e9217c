"""What must hold between the books of the owners of compute and the executions of those who booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from messages.booking import Confirmed, Held, HoldExpired
from messages.envelope import instant
from messages.states import State
from node.live import decode_event
from tests.sim.seen import Seen, Sight

LIVE = frozenset({State.SCHEDULED, State.STARTED})
BUSY = frozenset({State.DRAFT, State.SCHEDULED, State.STARTED})


class Slot(msgspec.Struct, frozen=True):
    """A slot as ``booking.get`` answers it."""

    node: str
    workflow: str
    generation: int
    execution: str
    start: datetime
    end: datetime
    units: int
    state: State


def slots(seen: Seen, state: Any) -> Sequence[Slot]:
    """Return the slots of a book."""
    view = seen.actors["booking"].view(state)
    return [] if view is None else msgspec.convert(msgspec.to_builtins(view)["slots"], list[Slot])


def no_slot_has_two_holders(seen: Seen) -> Iterator[str]:
    """At no instant, and at no time in its history, has a book given away more than the capacity."""
    actor = seen.actors["booking"]
    for sight in seen.nodes.values():
        for id, rows in sight.events("booking").items():
            state = actor.initial
            for row in rows:
                state = actor.evolve(state, decode_event(actor, row.type, row.body))
                capacity, place = state.book.capacity, f"{sight.name}/{id}"
                taken = most_taken([slot for slot in slots(seen, state) if slot.state in BUSY])
                if taken > capacity:
                    yield f"{place}: {taken} units of {capacity} are taken after {row.type} {row.version}"
                    break


def most_taken(busy: Sequence[Slot]) -> int:
    """Return the most units that are taken at one instant; two plans of one workflow do not add up."""
    most = 0
    for at in {slot.start for slot in busy}:
        plans: dict[tuple[str, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for slot in busy:
            if slot.start <= at < slot.end:
                plans[slot.node, slot.workflow][slot.generation] += slot.units
        most = max(most, sum(max(units.values()) for units in plans.values()))
    return most


def no_confirmation_is_late(seen: Seen) -> Iterator[str]:
    """What is confirmed was held until then."""
    for sight in seen.nodes.values():
        for id, rows in sight.events("booking").items():
            held: dict[tuple[str, str, int], datetime] = {}
            for row in rows:
                event = decode_event(seen.actors["booking"], row.type, row.body)
                if isinstance(event, Held) and sight.inbox[row.message].verb == "hold":
                    held[event.node, event.workflow, event.generation] = event.until
                elif isinstance(event, HoldExpired):
                    held.pop((event.node, event.workflow, event.generation), None)
                elif isinstance(event, Confirmed):
                    until = held.get((event.node, event.workflow, event.generation))
                    if until is None or until <= instant(row.at):
                        yield f"{sight.name}/{id}: {event.node}/{event.workflow} confirmed what was not held"


def no_booking_is_orphaned(seen: Seen) -> Iterator[str]:
    """Each slot that is kept is kept for an execution of a workflow that has it planned."""
    for sight in seen.nodes.values():
        for id, state in sight.of("booking").items():
            for slot in slots(seen, state):
                if slot.state not in BUSY or slot.end <= seen.at:
                    continue
                place = f"{sight.name}/{id}: the slot of {slot.node}/{slot.execution}"
                if slot.state == State.DRAFT:
                    yield f"{place} is still held"
                elif not _is_planned(seen.nodes[slot.node], f"{sight.name}/{id}", slot):
                    yield f"{place} is {slot.state.value}, and nobody wants it"


def _is_planned(requester: Sight, resource: str, slot: Slot) -> bool:
    run = requester.states.get(("execution", slot.execution))
    if run is None or run.plan is None or run.state not in (State.SCHEDULED, State.STARTED, State.DELAYED):
        return False
    return any(f"{one.owner}/{one.resource.rpartition('/')[2]}" == resource for one in run.bookings)


def no_execution_lacks_a_slot(seen: Seen) -> Iterator[str]:
    """Each execution that is to run, or runs, has at each owner what it counts on."""
    for sight in seen.nodes.values():
        for id, run in sight.of("execution").items():
            if run.plan is None or not _counts_on_slots(seen, sight, id):
                continue
            for one in run.bookings:
                book = seen.nodes[one.owner].states.get(("booking", one.resource.rpartition("/")[2]))
                has_it = any(_serves(slot, (sight.name, id), run) for slot in slots(seen, book) if book)
                if one.state != State.CANCELLED and not has_it:
                    yield f"{sight.name}/{id} is {run.state.value} and has no slot of {one.resource}"


def _counts_on_slots(seen: Seen, sight: Sight, id: str) -> bool:
    run = sight.states["execution", id]
    if run.state != State.STARTED or run.plan.end <= seen.at:
        return bool(run.state == State.SCHEDULED and run.plan.end > seen.at)
    # it may have started after its owner had given the slot up for a plan that does not have it
    standing = sight.states["workflow", run.plan.workflow].plans.standing
    return standing is not None and any(slot.execution == id for slot in standing.slots)


def _serves(slot: Slot, who: tuple[str, str], run: Any) -> bool:
    is_its = (slot.node, slot.execution) == who and slot.workflow == run.plan.workflow
    # one that has started stays as it was, when the plan that has it now gives it another length
    is_long = slot.end == run.plan.end or run.state == State.STARTED
    return is_its and is_long and slot.state in LIVE and slot.start == run.plan.start
