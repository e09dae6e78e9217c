"""Whether flags go together, and all that is wrong when they do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from actors.flags.order import execution_order
from actors.flags.reach import members, united
from actors.flags.refused import Refused
from actors.flags.schema import Schema

COMPARED_MAX = 1_000
"""With how many flags a misspelt one is compared."""
LIKENESS = 0.6
"""How alike two words must be, 0 to 1."""


class Violation(NamedTuple):
    """One thing that is wrong with a combination."""

    code: str
    flags: tuple[str, ...]
    """Those that show it: the path to what is missing, the two that interfere, all that weigh too much."""
    detail: str


class Verdict(NamedTuple):
    """What became of a combination."""

    flags: tuple[str, ...]
    """All that are in it, as declared; in ``complete`` mode with what they require."""
    violations: tuple[Violation, ...]
    """Sorted by code and flags; none: it is valid."""


def check(schema: Schema, flags: Iterable[str], *, complete: bool = False) -> Verdict:
    """Judge a set of flags: what it misses, what interferes, what weighs too much, what is unknown.

    Each missing flag is told once, with the shortest path that leads to it. In ``complete`` mode what is
    missing is added first.
    """
    given = list(dict.fromkeys(flags))
    found = [_unknown(schema, flag) for flag in given if not schema.knows(flag)]
    asked = united(schema.number(flag) for flag in given if schema.knows(flag))
    needed = asked
    for number in members(asked):
        needed |= schema.needs.below[number]
    judged = needed if complete else asked
    found += [] if complete else _missing(schema, asked, needed)
    found += _interfering(schema, judged)
    found += _too_heavy(schema, judged)
    names = schema.names(members(judged))
    found += _out_of_order(schema, names)
    return Verdict(names, tuple(sorted(found)))


def _unknown(schema: Schema, flag: str) -> Violation:
    near = get_close_matches(flag, schema.flags[:COMPARED_MAX], n=2, cutoff=LIKENESS)
    meant = f"; do you mean {' or '.join(near)}" if near else ""
    return Violation("unknown_flag", (flag,), f"{flag} is not declared{meant}")


def _missing(schema: Schema, asked: int, needed: int) -> list[Violation]:
    wanted = needed & ~asked
    if not wanted:
        return []
    paths = schema.needs.paths(members(asked), wanted)
    return [_lacks(schema.names(path)) for path in paths.values()]


def _lacks(path: Sequence[str]) -> Violation:
    detail = f"{path[0]} requires {path[-1]}"
    if len(path) > 2:
        detail += f" ({' → '.join(path)})"
    return Violation("missing_requirement", tuple(path), detail)


def _interfering(schema: Schema, judged: int) -> list[Violation]:
    pairs = [
        (number, foe)
        for number in members(judged)
        for foe in members(schema.foes[number] & judged)
        if number < foe
    ]
    named = [schema.names(pair) for pair in pairs]
    return [Violation("interference", pair, f"{pair[0]} and {pair[1]} interfere") for pair in named]


def _too_heavy(schema: Schema, judged: int) -> list[Violation]:
    loads: dict[str, list[int]] = {}
    for number in members(judged):
        for name, weight in schema.weights[number].items():
            if weight:
                loads.setdefault(name, []).append(number)
    found = []
    for name, loaded in loads.items():
        total, limit = sum(schema.weights[number][name] for number in loaded), schema.limits[name]
        if total > limit:
            flags = schema.names(loaded)
            detail = f"{', '.join(flags)} come to {total} on the scale {name}, at most {limit} are allowed"
            found.append(Violation("scale_exceeded", flags, detail))
    return found


def _out_of_order(schema: Schema, names: Sequence[str]) -> list[Violation]:
    if not schema.places.fixed:
        return []  # what only comes before and after always has an order
    try:
        execution_order(schema, names)
    except Refused as refused:
        return [Violation(refused.code, refused.flags, refused.detail)]
    return []
