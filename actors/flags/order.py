"""In which order flags are given to the program: the first one, by the preference, that keeps all rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

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
    return schema.names(_Seats(schema, numbers).fill())


def slots(fixed: Mapping[int, int], count: int) -> dict[int, int]:
    """Return where flags with a place of their own stand among so many: at the end when there are fewer."""
    found, limit = {}, count - 1
    for flag, index in sorted(fixed.items(), key=lambda item: -item[1]):
        found[min(index, limit)] = flag
        limit = min(index, limit) - 1
    return found


class _Seats:
    """One combination that is being put into order."""

    def __init__(self, schema: Schema, numbers: Sequence[int]) -> None:
        before, all_ = schema.places.before, united(numbers)
        self.count = len(numbers)
        self.rank = {number: rank for rank, number in enumerate(numbers)}
        self.later = {one: list(members(before.below[one] & all_ & ~(1 << one))) for one in numbers}
        self.waits = dict.fromkeys(numbers, 0)
        for one in numbers:
            for other in self.later[one]:
                self.waits[other] += 1
        places = schema.places.fixed
        fixed = {one: places[one] for one in numbers if one in places}
        self.fixed = _distinct(schema, fixed, self.count)
        self.schema = schema

    def fill(self) -> list[int]:
        """Return the order: the lowest that is possible at each seat."""
        found = self.lowest()
        if found is not None:
            return found
        seated: list[int] = []
        while len(seated) < self.count:  # each turn takes one seat
            seated.append(self._next(seated))
        return seated

    def _next(self, seated: list[int]) -> int:
        """Return the lowest flag after which the rest still find seats."""
        waits = self._waits(seated)
        here = self.fixed.get(len(seated))
        free = [one for one in self.rank if one not in seated and not waits[one]]
        at_other_seats = {one for seat, one in self.fixed.items() if seat != len(seated)}
        candidates = [here] if here is not None else [one for one in free if one not in at_other_seats]
        for one in sorted(candidates, key=self.rank.__getitem__):
            if one in free and self._can_end([*seated, one]):
                return one
        names = self.schema.names(sorted(self.rank, key=self.rank.__getitem__))
        placed = ", ".join(f"{self.schema.flags[one]} at {seat}" for seat, one in sorted(self.fixed.items()))
        raise Refused("order_impossible", f"no order keeps all rules: {placed}", names)

    def lowest(self) -> list[int] | None:
        """Return the order that always takes the lowest, None when that comes to no end."""
        return self._run([], self.rank)

    def _can_end(self, seated: list[int]) -> bool:
        return self._run(seated, self._dues()) is not None

    def _run(self, seated: list[int], key: Mapping[int, int]) -> list[int] | None:
        """Seat the rest, at each seat the one with the lowest key."""
        order, waits = list(seated), self._waits(seated)
        taken, placed = set(seated), set(self.fixed.values())
        heap = [
            (key[one], self.rank[one], one)
            for one in self.rank
            if not waits[one] and one not in taken | placed
        ]
        heapify(heap)
        for seat in range(len(seated), self.count):
            one = self.fixed[seat] if seat in self.fixed else heappop(heap)[2] if heap else None
            if one is None or waits[one]:
                return None
            order.append(one)
            for other in self.later[one]:
                waits[other] -= 1
                if not waits[other] and other not in placed:
                    heappush(heap, (key[other], self.rank[other], other))
        return order

    def _waits(self, seated: Iterable[int]) -> dict[int, int]:
        waits = dict(self.waits)
        for one in seated:
            for other in self.later[one]:
                waits[other] -= 1
        return waits

    def _dues(self) -> dict[int, int]:
        """Return the last seat that each flag may have, for the sake of those that come after it."""
        dues = {one: seat for seat, one in self.fixed.items()}
        for one in sorted(self.later, key=lambda one: len(self.later[one])):  # what comes later, first
            last = min((dues[later] - 1 for later in self.later[one]), default=self.count)
            dues.setdefault(one, last)
        return dues


def _distinct(schema: Schema, fixed: Mapping[int, int], count: int) -> dict[int, int]:
    found = slots(fixed, count)
    if len(set(fixed.values())) < len(fixed):
        names = schema.names(sorted(fixed))
        raise Refused("order_impossible", f"{' and '.join(names)} have the same position", names)
    return found
