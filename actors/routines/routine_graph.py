"""In which order the steps of a routine run, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import groupby, pairwise

from msgspec.structs import replace

from actors.fault import Fault, pointer, reject
from messages.routine import Step

ID_CHARACTERS = 64

Order = Mapping[str, frozenset[str]]
"""For each step those that must have ended before it begins."""


def named(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Give each step an id: its own, or that of its job, with a number where it comes again."""
    taken = {one.id for one in steps if one.id}
    found = []
    for step in steps:
        id = step.id or _free(step.job, taken)
        taken.add(id)
        found.append(replace(step, id=id))
    return tuple(found)


def _free(job: str, taken: set[str]) -> str:
    id, number = job, 1
    while id in taken:  # at most as often as there are steps
        number += 1
        id = f"{job[: ID_CHARACTERS - len(str(number)) - 1]}-{number}"
    return id


def needed(step: Step) -> frozenset[str]:
    """Return the steps that must have succeeded before it begins."""
    return frozenset(step.needs) | {source(file)[0] for file in step.takes.values()}


def source(file: str) -> tuple[str, str]:
    """Return the step that leaves a file, and its path there."""
    step, _, path = file.partition("/")
    return step, path


def order(steps: Sequence[Step]) -> Order:
    """Return what each step waits for: what it needs, and by its mode all that stands directly before it."""
    before: frozenset[str] = frozenset()
    found: dict[str, frozenset[str]] = {}
    for group in _groups(steps):
        found |= {step.id: before | needed(step) for step in group}
        before = frozenset(step.id for step in group)
    return found


def _groups(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield what runs side by side: neighbours with the mode ``conc``, and each other step by itself."""
    for is_together, neighbours in groupby(steps, lambda step: step.mode == "conc"):
        if is_together:
            yield list(neighbours)
        else:
            yield from ([step] for step in neighbours)


def check(steps: Sequence[Step], node: str) -> None:
    """Raise Rejected with all that keeps them from being a routine; each has its id."""
    reject(faults(steps, node))


def faults(steps: Sequence[Step], node: str) -> list[Fault]:
    """Return all that keeps them from being a routine, with pointers into it."""
    places = {step.id: step for step in steps}
    found = [*_doubles(steps)]
    for number, step in enumerate(steps):
        for index, other in enumerate(step.needs):
            found += _missing(other, places, pointer("steps", number, "needs", index))
        for path, file in step.takes.items():
            found += _of_take(step, (path, file), places, (pointer("steps", number, "takes", path), node))
    return found or [*_circle(steps, places)]  # which there is cannot be said before each step is there


def _circle(steps: Sequence[Step], places: Mapping[str, Step]) -> Iterator[Fault]:
    try:
        TopologicalSorter(order(steps)).prepare()
    except CycleError as error:
        path = tuple(str(one) for one in error.args[1])
        detail = f"each of {' → '.join(path)} waits for the one before it; {_remedy(path, places)}"
        yield Fault("routine_cycle", "/steps", detail, path)


def _remedy(path: Sequence[str], places: Mapping[str, Step]) -> str:
    """Say what to change: the place of a step that waits by its mode alone, else a need."""
    by_mode = [one for before, one in pairwise(path) if before not in needed(places[one])]
    if by_mode:
        one = by_mode[0]
        return f"{one} does so by its place and mode ({places[one].mode}): change these, or a need"
    return "take one of these needs away"


def _doubles(steps: Sequence[Step]) -> Iterator[Fault]:
    seen: Counter[str] = Counter()
    for number, step in enumerate(steps):
        seen[step.id] += 1
        if seen[step.id] > 1:
            detail = f"there are two steps {step.id}; give each an id of its own"
            yield Fault("duplicate_step", pointer("steps", number, "id"), detail)


def _missing(id: str, places: Mapping[str, Step], at: str) -> Iterator[Fault]:
    if id not in places:
        yield Fault("unknown_step", at, f"there is no step {id}; there are {', '.join(places)}")


def _of_take(
    step: Step, take: tuple[str, str], places: Mapping[str, Step], where: tuple[str, str]
) -> Iterator[Fault]:
    path, file = take
    at, node = where
    giver, name = source(file)
    yield from _missing(giver, places, at)
    for one in (path, name):
        if ".." in one.split("/"):
            yield Fault("invalid_path", at, f"{one} is not inside the directory of a job")
    for end in (step, *([places[giver]] if giver in places else [])):
        if is_elsewhere(end, node):
            detail = f"{end.id} runs at a partner, and files of steps are not carried there or from there"
            yield Fault("files_stay", at, detail)


def is_elsewhere(step: Step, node: str) -> bool:
    """Say whether a step runs on the compute of a partner."""
    owner, slash, _ = step.on.partition("/")
    return bool(slash) and owner != node
