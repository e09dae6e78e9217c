"""In which order flags are given to the program: the first one, by the preference, that keeps all rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate

from actors.flags.reach import members, united
from actors.flags.refused import Refused
from actors.flags.schema import Schema


def execution_order(schema: Schema, flags: Iterable[str], *, as_given: bool = False) -> tuple[str, ...]:
    """Return the flags of a combination in their order; what no rule decides is as declared, or as given.

    Raises Refused when a flag is unknown, or when the flags leave no order that keeps the rules.
    """
    numbers = list(dict.fromkeys(schema.number(flag) for flag in flags))
    if not as_given:
        numbers.sort()
    places = schema.places.fixed
    fixed = {one: places[one] for one in numbers if one in places}
    if len(set(fixed.values())) < len(fixed):
        names = schema.names(sorted(fixed))
        raise Refused("order_impossible", f"{' and '.join(names)} have the same position", names)
    seats = _Seats(schema, numbers, fixed)
    found = seats.lowest() or seats.lowest_that_ends()
    if found is None:
        told = ", ".join(f"{schema.flags[one]} at {place}" for one, place in sorted(fixed.items()))
        names = schema.names(sorted(numbers))
        raise Refused("order_impossible", f"no order keeps all rules with {told}", names)
    return schema.names(found)


def slots(fixed: Mapping[int, int], count: int) -> dict[int, int]:
    """Return where flags with a place of their own stand among so many: at the end when there are fewer."""
    found, limit = {}, count - 1
    for flag, index in sorted(fixed.items(), key=lambda item: -item[1]):
        found[min(index, limit)] = flag
        limit = min(index, limit) - 1
    return found


class _Seats:
    """One combination that is being put into order, in as many seats as there are flags."""

    def __init__(self, schema: Schema, numbers: Sequence[int], fixed: Mapping[int, int]) -> None:
        before, all_ = schema.places.before, united(numbers)
        self.count = len(numbers)
        self.rank = {number: rank for rank, number in enumerate(numbers)}
        self.later = {one: list(members(before.below[one] & all_ & ~(1 << one))) for one in numbers}
        self.fixed = slots(fixed, self.count)
        self.free = [one for one in numbers if one not in fixed]

    def _waits(self) -> dict[int, int]:
        """Return how many flags each one has to wait for."""
        waits = dict.fromkeys(self.rank, 0)
        for others in self.later.values():
            for other in others:
                waits[other] += 1
        return waits

    def lowest(self) -> list[int] | None:
        """Return the order that takes the lowest flag at each seat, None when that comes to no end."""
        order: list[int] = []
        waits, free = self._waits(), set(self.free)
        heap = [(self.rank[one], one) for one in free if not waits[one]]
        heapify(heap)
        for seat in range(self.count):
            one = self.fixed[seat] if seat in self.fixed else heappop(heap)[1] if heap else None
            if one is None or waits[one]:
                return None
            order.append(one)
            for other in self.later[one]:
                waits[other] -= 1
                if not waits[other] and other in free:
                    heappush(heap, (self.rank[other], other))
        return order

    def lowest_that_ends(self) -> list[int] | None:
        """Return the order that takes the lowest flag after which the rest find seats; None: there is none.

        Flags have last seats, for the sake of those that come after them. When those that must sit by some
        seat need all seats up to there, one of them is next; when there are fewer, no order is possible.
        """
        order: list[int] = []
        waits, left = self._waits(), sorted(self.free, key=self.rank.__getitem__)
        last = self._last_seats()
        for seat in range(self.count):
            one = self.fixed.get(seat)
            if one is None:
                bound = self._bound(seat, [last[other] for other in left])
                one = next((other for other in left if not waits[other] and last[other] <= bound), None)
                if one is None:
                    return None
                left.remove(one)
            if waits[one]:
                return None
            order.append(one)
            for other in self.later[one]:
                waits[other] -= 1
        return order

    def _bound(self, seat: int, last: Sequence[int]) -> int:
        """Return the first seat up to which all are needed, -1 when there are too few."""
        needed = [0] * self.count
        for one in last:
            if one < seat:
                return -1
            needed[one] += 1
        room = [int(place >= seat and place not in self.fixed) for place in range(self.count)]
        for place, spare in enumerate(accumulate(a - b for a, b in zip(room, needed, strict=True))):
            if spare < 0:
                return -1
            if not spare and place >= seat:
                return place
        return self.count

    def _last_seats(self) -> dict[int, int]:
        seats = {one: seat for seat, one in self.fixed.items()}
        for one in sorted(self.later, key=lambda one: len(self.later[one])):  # what comes later, first
            last = min((seats[later] - 1 for later in self.later[one]), default=self.count - 1)
            seats.setdefault(one, last)
        return seats
