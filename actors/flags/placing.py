"""The rules on the order of flags: which one comes before which, and which one has a place of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.flags.reach import Reach, members
from actors.flags.refused import Refused

if TYPE_CHECKING:
    from actors.flags.schema import Schema


class Places:
    """What is known of the order; a rule that contradicts the ones before is refused."""

    def __init__(self, schema: Schema) -> None:
        self.before = Reach()
        """Which flag comes before which."""
        self.fixed: dict[int, int] = {}
        """The flags that have a place of their own."""
        self._fixed = 0
        self._holders: dict[int, list[int]] = {}
        self._schema = schema

    def grow(self) -> None:
        """Add a flag."""
        self.before.grow()

    def connect(self, first: int, second: int) -> None:
        """Have a flag come before another one."""
        if self.before.reaches(second, first):
            path = self._schema.names([first, *self.before.path(second, first)])
            raise Refused("order_contradiction", f"{' before '.join(path)} cannot be", path)
        for late in members(self.before.below[second] & self._fixed):
            self._check(self.before.above[first], late, self.fixed)
        self.before.connect(first, second)

    def place(self, flag: int, index: int) -> None:
        """Give a flag a place of its own."""
        name = self._schema.flags[flag]
        if index < 0:
            raise Refused("invalid_position", f"a position counts from 0, not {index}", (name,))
        if self.fixed.get(flag, index) != index:
            detail = f"{name} is at position {self.fixed[flag]} already"
            raise Refused("order_contradiction", detail, (name,))
        self._check_free(flag, index)
        placed = {**self.fixed, flag: index}
        self._check(self.before.above[flag] & ~(1 << flag), flag, placed)
        for late in members(self.before.below[flag] & self._fixed & ~(1 << flag)):
            self._check(1 << flag, late, placed)
        self.fixed[flag] = index
        self._fixed |= 1 << flag
        self._holders.setdefault(index, []).append(flag)

    def _check_free(self, flag: int, index: int) -> None:
        for other in self._holders.get(index, ()):
            if other != flag and not self._schema.never_together(flag, other):
                one, two = sorted((flag, other))
                names = self._schema.names((one, two))
                detail = f"{names[0]} and {names[1]} cannot both be at position {index}; they may be together"
                raise Refused("order_contradiction", detail, names)

    def _check(self, early: int, late: int, placed: Mapping[int, int]) -> None:
        """Refuse what comes before a flag whose place leaves no room for it."""
        index = placed[late]
        for node in members(early):
            # what has no place of its own has room in front of any place but the first
            if placed.get(node, 0) >= index and (node in placed or not index):
                self._contradict(node, late, placed)

    def _contradict(self, early: int, late: int, placed: Mapping[int, int]) -> None:
        if self._schema.never_together(early, late):
            return
        names = self._schema.names((early, late))
        told = [
            f"{self._schema.flags[one]} is at position {placed[one]}"
            for one in (early, late)
            if one in placed
        ]
        detail = f"{names[0]} would come before {names[1]}, but {' and '.join(told)}"
        raise Refused("order_contradiction", detail, names)
