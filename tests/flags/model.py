"""The engine again, as plainly as can be: sets, and every possibility tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations

Rule = tuple[str, str, str | int]
"""What it is, the flag, and the other flag, the position, or the weight."""
LIMIT = 10


@dataclass
class Model:
    """Flags and rules; each question looks at all of them."""

    flags: Sequence[str]
    requires: set[tuple[str, str]] = field(default_factory=set)
    foes: set[frozenset[str]] = field(default_factory=set)
    before: set[tuple[str, str]] = field(default_factory=set)
    positions: dict[str, int] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)

    def add(self, rule: Rule) -> str:
        """Add a rule if all is well with it; return the code of the refusal, or nothing."""
        kind, one, two = rule
        after = Model(
            self.flags,
            set(self.requires),
            set(self.foes),
            set(self.before),
            {**self.positions},
            {**self.weights},
        )
        match kind, two:
            case "requires", str():
                after.requires.add((one, two))
            case "interferes", str():
                after.foes.add(frozenset((one, two)))
            case "behind", str():
                after.before.add((two, one))
            case "in_front_of", str():
                after.before.add((one, two))
            case "position", int():
                if self.positions.get(one, two) != two:
                    return "order_contradiction"
                after.positions[one] = two
            case "weight", int():
                if self.weights.get(one, two) != two:
                    return "invalid_weight"
                after.weights[one] = two
        code = after.wrong()
        if not code:
            self.__dict__.update(after.__dict__)
        return code

    def wrong(self) -> str:
        needs = closure(self.requires)
        if any(one == two for one, two in needs):
            return "schema_cycle"
        if any(len(pair) == 1 for pair in self.foes):
            return "self_interference"
        for flag in self.flags:
            reached = {flag} | {two for one, two in needs if one == flag}
            if any(pair <= reached for pair in self.foes):
                return "schema_contradiction"
        return "order_contradiction" if self._is_order_wrong() else ""

    def _is_order_wrong(self) -> bool:
        before, places = closure(self.before), self.positions
        if any(one == two for one, two in before):
            return True
        for one, two in combinations(places, 2):
            if places[one] == places[two] and not self.never_together(one, two):
                return True
        return any(
            not self.never_together(one, two)
            and two in places
            and (places[two] == 0 or (one in places and places[one] >= places[two]))
            for one, two in before
        )

    def never_together(self, one: str, two: str) -> bool:
        is_heavy = (
            one in self.weights and two in self.weights and self.weights[one] + self.weights[two] > LIMIT
        )
        return frozenset((one, two)) in self.foes or is_heavy

    def violations(self, asked: Iterable[str], *, complete: bool) -> list[tuple[str, tuple[str, ...]]]:
        given = set(asked)
        known = given & set(self.flags)
        needs = closure(self.requires)
        needed = known | {two for one, two in needs if one in known}
        judged = sorted(needed if complete else known, key=self.flags.index)
        found = [("unknown_flag", (flag,)) for flag in given - known]
        if not complete:
            found += [("missing_requirement", self.path(known, flag)) for flag in needed - known]
        found += [("interference", pair) for pair in combinations(judged, 2) if frozenset(pair) in self.foes]
        loaded = tuple(flag for flag in judged if self.weights.get(flag))
        if sum(self.weights[flag] for flag in loaded) > LIMIT:
            found.append(("scale_exceeded", loaded))
        if self.order(judged) is None:
            placed = tuple(flag for flag in judged if flag in self.positions)
            is_shared = len({self.positions[flag] for flag in placed}) < len(placed)
            found.append(("order_impossible", placed if is_shared else tuple(judged)))
        return sorted(found)

    def path(self, starts: Iterable[str], end: str) -> tuple[str, ...]:
        """Return the shortest path, the first as declared, of all that there are."""
        paths = [(start,) for start in sorted(starts, key=self.flags.index)]
        while paths:
            if ended := [path for path in paths if path[-1] == end]:
                return min(ended, key=lambda path: [self.flags.index(flag) for flag in path])
            paths = [(*path, two) for path in paths for one, two in self.requires if one == path[-1]]
        return ()

    def order(self, preferred: Sequence[str]) -> tuple[str, ...] | None:
        """Return the first of all orders that keeps the rules."""
        before, count = closure(self.before), len(preferred)
        placed = sorted(
            (flag for flag in preferred if flag in self.positions), key=self.positions.__getitem__
        )
        if len({self.positions[flag] for flag in placed}) < len(placed):
            return None
        seats, limit = {}, count - 1
        for flag in reversed(placed):
            seats[flag] = min(self.positions[flag], limit)
            limit = seats[flag] - 1
        for order in permutations(preferred):
            place = {flag: seat for seat, flag in enumerate(order)}
            if all(place[flag] == seat for flag, seat in seats.items()) and all(
                place[one] < place[two] for one, two in before if one in place and two in place
            ):
                return order
        return None


def closure(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    found = set(pairs)
    while more := {(a, d) for a, b in found for c, d in pairs if b == c} - found:
        found |= more
    return found
