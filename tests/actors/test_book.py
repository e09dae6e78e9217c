from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from actors.booking.book import (
    HOUR,
    LONGEST,
    SEARCH,
    Book,
    Entry,
    Load,
    Span,
    blocked,
    change,
    clashes,
    free,
    loads,
    nearest,
    overlapping,
)


def entry(start: int, end: int, units: int = 1, holder: str = "lab/a", is_held: bool = False) -> Entry:
    return Entry(start * HOUR, end * HOUR, units, holder, is_held)


def hours(spans: list[Span]) -> list[tuple[float, float]]:
    return [(span.start / HOUR, span.end / HOUR) for span in spans]


def want(start: int, end: int, units: int = 1) -> Load:
    return Load(start * HOUR, end * HOUR, units)


entries = some.builds(
    lambda start, length, units, holder, is_held: Entry(start, start + length, units, holder, is_held),
    some.integers(-100 * HOUR, 100 * HOUR),
    some.one_of(some.integers(1, 5 * HOUR), some.integers(1, 500 * HOUR), some.just(LONGEST)),
    some.integers(1, 3),
    some.sampled_from(["lab/a", "lab/b", "centre/a"]),
    some.booleans(),
)


def test_intervals_are_half_open() -> None:
    book = change(Book(capacity=1), (), [entry(1, 2)])

    assert overlapping(book, 0, 1 * HOUR) == []
    assert overlapping(book, 2 * HOUR, 3 * HOUR) == []
    assert overlapping(book, 2 * HOUR - 1, 2 * HOUR) == [entry(1, 2)]


def test_the_more_of_what_a_workflow_has_booked_and_holds_is_taken() -> None:
    beside = [entry(0, 2, 2), entry(1, 3, 3, is_held=True), entry(0, 3, 1, "lab/b")]

    assert loads(beside, 0, 3 * HOUR) == [Load(0, HOUR, 3), Load(HOUR, 3 * HOUR, 4)]


def test_what_is_over_capacity_or_outside_of_the_windows_is_blocked() -> None:
    book = Book(capacity=3, windows=(Span(HOUR, 5 * HOUR), Span(5 * HOUR, 8 * HOUR)))

    assert hours(blocked(book, [entry(2, 3, 3), entry(6, 7, 1)], want(0, 9))) == [(0, 1), (2, 3), (8, 9)]
    assert hours(blocked(book, [], want(2, 3, 4))) == [(2, 3)]


def test_slots_asked_for_together_count_against_each_other() -> None:
    found = clashes(Book(capacity=2), "lab/a", [want(0, 4), want(1, 3), want(2, 5), want(3, 5)])

    assert found == [None, None, Span(2 * HOUR, 3 * HOUR), None]


def test_what_the_workflow_has_already_is_replaced_unless_it_is_fixed() -> None:
    book = change(Book(capacity=1), (), [entry(0, 4)])

    assert clashes(book, "lab/a", [want(1, 2)]) == [None]
    assert clashes(book, "lab/a", [want(1, 2)], [entry(0, 4)]) == [Span(1 * HOUR, 2 * HOUR)]


def test_the_nearest_free_times_lie_before_and_after_with_the_same_length() -> None:
    book = change(Book(capacity=1), (), [entry(10, 12), entry(13, 14), entry(8, 9, holder="lab/b")])

    assert hours(nearest(book, "lab/c", want(11, 13), 0)) == [(6, 8), (14, 16)]
    assert hours(nearest(book, "lab/c", want(11, 13), 7 * HOUR)) == [(14, 16)]
    assert hours(nearest(book, "lab/c", want(11, 13, 2), 0)) == []


def test_a_free_time_is_not_looked_for_without_end() -> None:
    book = change(Book(capacity=1), (), [Entry(0, LONGEST, 1, "lab/a", False)])

    assert nearest(book, "lab/b", Load(SEARCH + HOUR, SEARCH + 2 * HOUR, 1), 0) == []


def test_what_is_free_depends_on_how_much_is_needed() -> None:
    book = change(Book(capacity=2), (), [entry(1, 2, 1), entry(3, 4, 2)])

    taken = loads(overlapping(book, 0, 5 * HOUR), 0, 5 * HOUR)

    assert hours(free(book, taken, want(0, 5))) == [(0, 3), (4, 5)]
    assert hours(free(book, taken, want(0, 5, 2))) == [(0, 1), (2, 3), (4, 5)]


@given(some.lists(entries, max_size=30), some.integers(-99 * HOUR, 99 * HOUR), some.integers(1, 300 * HOUR))
def test_whatever_its_length_what_overlaps_is_found(many: list[Entry], start: int, length: int) -> None:
    book = change(Book(), (), many)

    found = overlapping(book, start, start + length)

    assert Counter(found) == Counter(one for one in many if one.start < start + length and one.end > start)


@given(some.lists(entries, max_size=20), some.lists(entries, max_size=20))
def test_what_is_taken_out_leaves_nothing_behind(many: list[Entry], more: list[Entry]) -> None:
    book = change(Book(), (), many)

    assert change(book, many, ()) == Book()
    again = change(change(book, (), more), more, ())
    assert again.buckets.keys() == book.buckets.keys()
    assert all(Counter(again.buckets[key]) == Counter(book.buckets[key]) for key in book.buckets)


@given(some.lists(entries, max_size=12), some.integers(0, 50))
def test_the_load_at_an_instant_is_the_sum_over_the_workflows(many: list[Entry], hour: int) -> None:
    at = hour * HOUR
    taken = {
        (holder, is_held): sum(
            one.units
            for one in many
            if (one.holder, one.is_held) == (holder, is_held) and one.start <= at < one.end
        )
        for holder in {one.holder for one in many}
        for is_held in (False, True)
    }

    expected = sum(max(taken[holder, False], taken[holder, True]) for holder in {one.holder for one in many})

    steps = loads([one for one in many if one.end > at and one.start < at + HOUR], at, at + HOUR)
    assert sum(step.units for step in steps if step.start <= at < step.end) == expected
