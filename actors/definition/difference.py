"""What has changed from one definition to another, by JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Change(NamedTuple):
    """One place that is not as it was."""

    at: str
    """The JSON pointer: into the new document, or into the old one for what was removed."""
    what: str
    """added, removed, changed, or moved: the same tasks in another order."""
    old: Any = None
    new: Any = None


def difference(old: Any, new: Any, at: str = "", was_at: str = "") -> Iterator[Change]:
    """Yield what has changed; tasks of a list are told apart by their names, not by their places."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _members(old, new, at, was_at)
    elif _is_tasks(old) and _is_tasks(new):
        yield from _tasks(old, new, at, was_at)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, at, was_at)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(at, "changed", old, new)


def _members(old: Mapping[str, Any], new: Mapping[str, Any], at: str, was_at: str) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        here, there = f"{at}/{_escaped(name)}", f"{was_at}/{_escaped(name)}"
        if name not in new:
            yield Change(there, "removed", old=old[name])
        elif name not in old:
            yield Change(here, "added", new=new[name])
        else:
            yield from difference(old[name], new[name], here, there)


def _items(old: Sequence[Any], new: Sequence[Any], at: str, was_at: str) -> Iterator[Change]:
    for place in range(max(len(old), len(new))):
        here, there = f"{at}/{place}", f"{was_at}/{place}"
        if place >= len(new):
            yield Change(there, "removed", old=old[place])
        elif place >= len(old):
            yield Change(here, "added", new=new[place])
        else:
            yield from difference(old[place], new[place], here, there)


def _is_tasks(value: Any) -> bool:
    """Say whether it is a list of objects with one member each, all of other names."""
    if not isinstance(value, list) or not all(isinstance(one, Mapping) and len(one) == 1 for one in value):
        return False
    return len({name for one in value for name in one}) == len(value) > 0


def _tasks(old: Sequence[Any], new: Sequence[Any], at: str, was_at: str) -> Iterator[Change]:
    before, after = _places(old), _places(new)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield Change(at, "moved", list(before), list(after))
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield Change(f"{was_at}/{before[name]}/{_escaped(name)}", "removed", old=old[before[name]][name])
        elif name not in before:
            yield Change(f"{at}/{after[name]}/{_escaped(name)}", "added", new=new[after[name]][name])
        else:
            here = f"{at}/{after[name]}/{_escaped(name)}"
            there = f"{was_at}/{before[name]}/{_escaped(name)}"
            yield from difference(old[before[name]][name], new[after[name]][name], here, there)


def _places(tasks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {name: place for place, task in enumerate(tasks) for name in task}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
