"""The flags of one program and the rules between them. A refused rule leaves everything as it was."""

from __future__ import annotations

from collections.abc import Iterable

from actors.flags.placing import Places
from actors.flags.reach import Reach, members
from actors.flags.refused import Refused

WEIGHT_MAX = 10


class Schema:
    """Declared flags, what they require, what they interfere with, their order and their weights."""

    def __init__(self, flags: Iterable[str] = ()) -> None:
        self.flags: list[str] = []
        """In the order of declaration; a flag is known by its place here."""
        self.needs = Reach()
        """Which flag requires which."""
        self.foes: list[int] = []
        """The flags that interfere with a flag, as a set of Reach."""
        self.limits: dict[str, int] = {}
        """The most that weights may come to, by scale."""
        self.weights: list[dict[str, int]] = []
        """By flag, then by scale."""
        self.places = Places(self)
        self._numbers: dict[str, int] = {}
        for flag in flags:
            self.declare(flag)

    def declare(self, flag: str) -> None:
        """Add a flag."""
        if not flag:
            raise Refused("invalid_flag", "a flag has at least one character")
        if flag in self._numbers:
            raise Refused("duplicate_flag", f"{flag} is declared already", (flag,))
        self._numbers[flag] = len(self.flags)
        self.flags.append(flag)
        self.needs.grow()
        self.foes.append(0)
        self.weights.append({})
        self.places.grow()

    def number(self, flag: str) -> int:
        """Return the place of a flag in the order of declaration."""
        try:
            return self._numbers[flag]
        except KeyError:
            raise Refused("unknown_flag", f"{flag} is not declared", (flag,)) from None

    def knows(self, flag: str) -> bool:
        """Say whether a flag is declared."""
        return flag in self._numbers

    def names(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Return the flags at some places."""
        return tuple(self.flags[number] for number in numbers)

    def require(self, flag: str, other: str) -> None:
        """Have a flag require another one."""
        one, two = self.number(flag), self.number(other)
        if self.needs.reaches(two, one):
            path = self.names([one, *self.needs.path(two, one)])
            raise Refused("schema_cycle", f"{' → '.join(path)} leads back to where it began", path)
        self._check_together(one, two)
        self.needs.connect(one, two)

    def _check_together(self, one: int, two: int) -> None:
        """Refuse a requirement by which a flag would need two that interfere."""
        above, below = self.needs.above[one], self.needs.below[two]
        reached = 0
        for node in members(above):
            reached |= self.needs.below[node]
        for node in members(below):
            hit = self.foes[node] & reached
            if hit:
                self._contradict(above, (one, two), (next(members(hit)), node))

    def _contradict(self, above: int, rule: tuple[int, int], foes: tuple[int, int]) -> None:
        foe, node = foes
        start = next(top for top in members(above) if self.needs.reaches(top, foe))
        through = [*self.needs.path(start, rule[0]), *self.needs.path(rule[1], node)]
        self._refuse(self.needs.path(start, foe), through)

    def _refuse(self, one: list[int], two: list[int]) -> None:
        first, second = sorted((self.names(one), self.names(two)), key=len)
        if len(first) == 1:
            detail = f"{second[0]} would need {second[-1]} ({' → '.join(second)}) and interfere with it"
        else:
            detail = (
                f"{first[0]} would need both {first[-1]} ({' → '.join(first)})"
                f" and {second[-1]} ({' → '.join(second)}), which interfere"
            )
        raise Refused("schema_contradiction", detail, (*first[::-1], *second[1:]))

    def interfere(self, flag: str, other: str) -> None:
        """Have two flags exclude each other."""
        one, two = self.number(flag), self.number(other)
        if one == two:
            raise Refused("self_interference", f"{flag} cannot interfere with itself", (flag,))
        both = self.needs.above[one] & self.needs.above[two]
        if both:
            start = next(members(both))
            self._refuse(self.needs.path(start, one), self.needs.path(start, two))
        self.foes[one] |= 1 << two
        self.foes[two] |= 1 << one

    def scale(self, name: str, limit: int) -> None:
        """Limit what the weights of a combination may come to on a scale."""
        if limit < 0:
            raise Refused("invalid_scale", f"the limit of {name} is {limit}; it is at least 0")
        if self.limits.get(name, limit) != limit:
            raise Refused("invalid_scale", f"the limit of {name} is {self.limits[name]} already")
        self.limits[name] = limit

    def scale_at(self, flag: str, name: str, weight: int) -> None:
        """Have a flag count on a scale, 0 to 10."""
        number = self.number(flag)
        if name not in self.limits:
            raise Refused("unknown_scale", f"there is no scale {name}; give it a limit first", (flag,))
        if not 0 <= weight <= WEIGHT_MAX:
            raise Refused("invalid_weight", f"a weight is 0 to {WEIGHT_MAX}, not {weight}", (flag,))
        if self.weights[number].get(name, weight) != weight:
            raise Refused("invalid_weight", f"{flag} has another weight on {name} already", (flag,))
        self.weights[number][name] = weight

    def behind(self, flag: str, other: str) -> None:
        """Have a flag come after another one when both are there."""
        self.places.connect(self.number(other), self.number(flag))

    def in_front_of(self, flag: str, other: str) -> None:
        """Have a flag come before another one when both are there."""
        self.places.connect(self.number(flag), self.number(other))

    def position_at(self, flag: str, index: int) -> None:
        """Have a flag stand at a place among all that are there, from 0; at the end when there are fewer."""
        self.places.place(self.number(flag), index)

    def never_together(self, one: int, two: int) -> bool:
        """Say whether no combination can hold both: they interfere, or weigh too much."""
        if self.foes[one] >> two & 1:
            return True
        shared = self.weights[one].keys() & self.weights[two].keys()
        return any(self.weights[one][name] + self.weights[two][name] > self.limits[name] for name in shared)
