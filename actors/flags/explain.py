"""What a flag needs and what it excludes, each with its reason."""

from __future__ import annotations

from typing import NamedTuple

from actors.flags.reach import members
from actors.flags.schema import Schema


class Exclusion(NamedTuple):
    """A flag that cannot be where another one is."""

    flag: str
    because: tuple[str, str]
    """The two that interfere: what the one needs, and what the other needs; each may be the flag itself."""


class Explanation(NamedTuple):
    """What is known of a flag."""

    flag: str
    needs: tuple[tuple[str, ...], ...]
    """The shortest path to each flag that it requires, by itself or through others."""
    needed_by: tuple[str, ...]
    """The flags that require it, by themselves or through others."""
    excludes: tuple[Exclusion, ...]
    """The flags that cannot be together with it, by themselves or through what either requires."""
    behind: tuple[str, ...]
    """The flags that come before it."""
    in_front_of: tuple[str, ...]
    """The flags that come after it."""
    position: int | None
    scales: dict[str, int]


def explain(schema: Schema, flag: str) -> Explanation:
    """Say of a flag what it needs, what it excludes, and where it stands; an unknown one is Refused."""
    number = schema.number(flag)
    itself, needs, before = 1 << number, schema.needs, schema.places.before
    paths = needs.paths([number], needs.below[number] & ~itself)
    return Explanation(
        flag=flag,
        needs=tuple(schema.names(path) for path in paths.values()),
        needed_by=schema.names(members(needs.above[number] & ~itself)),
        excludes=tuple(_exclusions(schema, number)),
        behind=schema.names(members(before.above[number] & ~itself)),
        in_front_of=schema.names(members(before.below[number] & ~itself)),
        position=schema.places.fixed.get(number),
        scales=dict(schema.weights[number]),
    )


def _exclusions(schema: Schema, number: int) -> list[Exclusion]:
    reasons: dict[int, tuple[bool, bool, int, int]] = {}
    for needed in members(schema.needs.below[number]):
        for foe in members(schema.foes[needed]):
            for other in members(schema.needs.above[foe]):
                reason = (needed != number, foe != other, needed, foe)  # the most direct one is told
                reasons[other] = min(reason, reasons.get(other, reason))
    return [
        Exclusion(schema.flags[other], (schema.flags[needed], schema.flags[foe]))
        for other, (_, _, needed, foe) in sorted(reasons.items())
    ]
