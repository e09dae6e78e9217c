"""What a listening task takes of the events that come, and when it has heard enough."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.flow.fast import expression
from actors.flow.moment import Moment
from messages.task_events import Listening, Returned, Unheard

_PATTERN = re.compile(r"[*+?\[\](){}|^$\\]")
"""What makes a regular expression of a text; dots alone do not: they stand in every type of an event."""


def listen(now: Moment) -> Listening | Returned | Unheard:
    """Wait for events until enough have come; those that are none of ours are put back."""
    to, frame = now.task.body["listen"]["to"], now.frame
    taken: list[Mapping[str, Any]] = []
    open_ = set(range(len(filters(to))))
    for place, event in enumerate(frame.heard):
        if _which(now, until(to), event, f"until{place}"):
            return now.result(_read(now, taken))
        fits = _which(now, filters(to), event, f"heard{place}")
        if not is_anything(to) and not (fits & open_ if "all" in to else fits):
            return Unheard(frame=frame.id, place=place)
        taken.append(event)
        open_ -= fits
        if _has_enough(now, to, taken, open_):
            return now.result(_read(now, taken))
    if to.get("all") == []:
        return now.result([])
    return Listening(frame=frame.id, pointer=frame.pointer)


def _has_enough(
    now: Moment, to: Mapping[str, Any], taken: Sequence[Mapping[str, Any]], open_: set[int]
) -> bool:
    if "all" in to:
        return not open_
    condition = to.get("until")
    if isinstance(condition, str):
        return now.read.holds(f"enough{len(taken)}", condition, _read(now, taken))
    return condition is None


def _read(now: Moment, events: Sequence[Mapping[str, Any]]) -> list[Any]:
    if now.task.body["listen"].get("read") == "envelope":
        return [dict(event) for event in events]
    return [event.get("data", event.get("data_base64")) for event in events]


def filters(to: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a task listens to; nothing: see ``is_anything``."""
    return [to["one"]] if "one" in to else list(to.get("all", to.get("any", ())))


def until(to: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the events that end it, which are not part of its output."""
    return filters(to["until"]) if isinstance(to.get("until"), Mapping) else []


def is_anything(to: Mapping[str, Any]) -> bool:
    """Say whether every event is taken: ``any`` without a filter."""
    return to.get("any") == []


def may_want(to: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Say whether a task may take an event: what only jq can tell is told when it has come."""
    known = [*filters(to), *until(to)]
    return is_anything(to) or any(_may_fit(one["with"], event) for one in known)


def _may_fit(with_: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    return all(_is_open(value) or event.get(name) == value for name, value in with_.items())


def _is_open(value: Any) -> bool:
    """Say whether a wanted value is more than itself: an expression, or a pattern."""
    if isinstance(value, str):
        return expression(value) is not None or bool(_PATTERN.search(value))
    return isinstance(value, Mapping | list)


def _which(now: Moment, known: Sequence[Mapping[str, Any]], event: Mapping[str, Any], slot: str) -> set[int]:
    """Return the numbers of the filters that an event passes; raises Ask."""
    return {n for n, one in enumerate(known) if all(_tests(now, one["with"], event, f"{slot}.{n}"))}


def _tests(now: Moment, with_: Mapping[str, Any], event: Mapping[str, Any], slot: str) -> Iterator[bool]:
    for name, wanted in with_.items():
        has = event.get(name)
        if not _is_open(wanted) or has == wanted:
            yield has == wanted
        elif name == "data" and isinstance(wanted, str) and expression(wanted) is not None:
            yield _predicate(now, wanted, has, f"{slot}.data")
        elif isinstance(wanted, str) and expression(wanted) is None:
            yield _matches(now, wanted, has, f"{slot}.{name}")
        else:
            yield has == now.read.value(f"{slot}.{name}", wanted, now.frame.input)


def _predicate(now: Moment, wanted: str, data: Any, slot: str) -> bool:
    """Say whether data pass an expression on them: it holds, or it gives what they are."""
    found = now.read.bare(slot, wanted, data)
    return found is True or (found not in (False, None) and found == data)


def _matches(now: Moment, pattern: str, has: Any, slot: str) -> bool:
    """Say whether a text is what a regular expression says, as jq reads one: it can be stopped."""
    if not isinstance(has, str):
        return False
    return now.read.holds(slot, "test($pattern)", has, pattern=f"^(?:{pattern})$")
