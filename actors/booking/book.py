"""Who has how much of a capacity, and when: arithmetic on half-open intervals, in microseconds since 1970.

Each entry lies in the bucket of its start, in the narrowest level of buckets that are no shorter than it. So
what overlaps an interval is found in a few buckets, and a change copies a few, however full the book is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

HOUR = 3_600_000_000
WIDTHS = tuple(HOUR * 8**level for level in range(6))
"""How long the buckets of each level are: from an hour to almost four years."""
LONGEST = 366 * 24 * HOUR
"""How long an entry may be."""
SEARCH = 30 * 24 * HOUR
"""How far from what was asked for a free time is looked for."""
SEARCH_STEPS = 64
"""How many times are tried in each direction."""


class Span(NamedTuple):
    """The time from ``start`` until just before ``end``."""

    start: int
    end: int


class Load(NamedTuple):
    """How many units are taken during a span."""

    start: int
    end: int
    units: int


class Wanted(Protocol):
    """Something that needs units for a time."""

    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102
    @property
    def units(self) -> int: ...  # noqa: D102


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Units that a holder has booked, or holds in order to replace what it has booked."""

    start: int
    end: int
    units: int
    holder: str
    is_held: bool


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """A capacity, when it can be used (None = always), and the entries by bucket."""

    capacity: int = 0
    windows: tuple[Span, ...] | None = None
    buckets: dict[int, tuple[Entry, ...]] = {}


def change(book: Book, gone: Iterable[Entry], added: Iterable[Entry]) -> Book:
    """Return the book without some entries that are in it and with others."""
    touched: dict[int, list[Entry]] = {}
    for is_added, entries in ((False, gone), (True, added)):
        for entry in entries:
            key = _bucket(entry)
            if key not in touched:
                touched[key] = list(book.buckets.get(key, ()))
            touched[key].append(entry) if is_added else touched[key].remove(entry)
    buckets = book.buckets | {key: tuple(entries) for key, entries in touched.items() if entries}
    for key in [key for key, entries in touched.items() if not entries]:
        buckets.pop(key, None)
    return Book(capacity=book.capacity, windows=book.windows, buckets=buckets)


def overlapping(book: Book, start: int, end: int) -> list[Entry]:
    """Return the entries that have some time in common with an interval."""
    return [
        entry
        for level, width in enumerate(WIDTHS)
        for index in range(start // width - 1, (end - 1) // width + 1)
        for entry in book.buckets.get(_key(level, index), ())
        if entry.start < end and entry.end > start
    ]


def loads(entries: Iterable[Entry], start: int, end: int) -> list[Load]:
    """Return the steps of what is taken between two instants, without those where nothing is.

    A holder takes the more of what it has booked and what it holds: only one of both will remain.
    """
    turns = sorted(_turns(entries, start, end))
    taken: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    steps: list[Load] = []
    since, total = start, 0
    for at, units, holder, is_held in turns:
        if at > since:
            _extend(steps, Load(since, at, total))
            since = at
        pair = taken[holder]
        total -= max(pair)
        pair[is_held] += units
        total += max(pair)
    return steps


def blocked(book: Book, entries: Sequence[Entry], wanted: Wanted) -> list[Span]:
    """Return when something wanted cannot be had beside these entries, in order, or nothing."""
    start, end, room = wanted.start, wanted.end, book.capacity - wanted.units
    if room < 0:
        return [Span(start, end)]
    # most often all of them fit even at once, and nothing needs to be sorted
    fits = sum(entry.units for entry in entries) <= room
    return _over(book, () if fits else loads(entries, start, end), wanted)


def _over(book: Book, taken: Iterable[Load], wanted: Wanted) -> list[Span]:
    room = book.capacity - wanted.units
    full = [Span(step.start, step.end) for step in taken if step.units > room]
    return _merged([*full, *_shut(book, wanted.start, wanted.end)])


def clashes(
    book: Book, holder: str, wanted: Sequence[Wanted], fixed: Sequence[Entry] = ()
) -> list[Span | None]:
    """Return for each thing wanted, ordered by start, when first it cannot be had; None = it can.

    What the holder has in the book is to be replaced, so it does not count, but for what is ``fixed``.
    """
    mine = list(fixed)
    found: list[Span | None] = []
    for one in wanted:
        mine = [entry for entry in mine if entry.end > one.start]
        beside = [entry for entry in mine if entry.start < one.end]
        stretches = blocked(book, [*beside, *_others(book, holder, one.start, one.end)], one)
        if not stretches:
            mine.append(Entry(one.start, one.end, one.units, holder, True))
        found.append(stretches[0] if stretches else None)
    return found


def nearest(book: Book, holder: str, wanted: Wanted, not_before: int) -> list[Span]:
    """Return the nearest times, at most one earlier and one later, when something wanted could be had."""
    found = (_step(book, holder, wanted, not_before, is_later) for is_later in (False, True))
    return [span for span in found if span is not None]


def free(book: Book, taken: Iterable[Load], wanted: Wanted) -> list[Span]:
    """Return when so many units can be had between two instants, given what is taken."""
    return list(_gaps(_over(book, taken, wanted), wanted.start, wanted.end))


def _step(book: Book, holder: str, wanted: Wanted, not_before: int, is_later: bool) -> Span | None:
    """Move from one obstacle to the next."""
    length, start = wanted.end - wanted.start, wanted.start
    for _ in range(SEARCH_STEPS):
        if start < not_before or abs(start - wanted.start) > SEARCH:
            return None
        tried = Load(start, start + length, wanted.units)
        stretches = blocked(book, _others(book, holder, tried.start, tried.end), tried)
        if not stretches:
            return Span(tried.start, tried.end)
        start = stretches[-1].end if is_later else stretches[0].start - length
    return None


def _others(book: Book, holder: str, start: int, end: int) -> list[Entry]:
    return [entry for entry in overlapping(book, start, end) if entry.holder != holder]


def _bucket(entry: Entry) -> int:
    length = entry.end - entry.start
    level = next((level for level, width in enumerate(WIDTHS) if length <= width), len(WIDTHS) - 1)
    return _key(level, entry.start // WIDTHS[level])


def _key(level: int, index: int) -> int:
    return index * len(WIDTHS) + level


def _turns(entries: Iterable[Entry], start: int, end: int) -> Iterator[tuple[int, int, str, bool]]:
    for entry in entries:
        yield max(entry.start, start), entry.units, entry.holder, entry.is_held
        yield min(entry.end, end), -entry.units, entry.holder, entry.is_held


def _extend(steps: list[Load], step: Load) -> None:
    if steps and (steps[-1].end, steps[-1].units) == (step.start, step.units):
        steps[-1] = Load(steps[-1].start, step.end, step.units)
    elif step.units:
        steps.append(step)


def _shut(book: Book, start: int, end: int) -> Iterable[Span]:
    return () if book.windows is None else _gaps(_merged(book.windows), start, end)


def _gaps(spans: Iterable[Span], start: int, end: int) -> Iterator[Span]:
    """Yield what is left between two instants, given spans in order."""
    at = start
    for span in spans:
        if span.start > at:
            yield Span(at, min(span.start, end))
        at = max(at, span.end)
        if at >= end:
            return
    yield Span(at, end)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged
