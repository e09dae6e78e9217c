"""A scheduler of routines by brute force: it looks at everything again at each instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

from messages.routine import Step

Run = tuple[str, int]
"""How a job ends, and after how many microseconds."""


def blockers(steps: Sequence[Step], number: int) -> set[str]:
    """Return what a step has to wait for, found by walking back from it."""
    step, back = steps[number], number - 1
    found = set(step.needs) | {file.split("/")[0] for file in step.takes.values()}
    if step.mode == "conc":
        while back >= 0 and steps[back].mode == "conc":
            back -= 1
        return found | ({steps[back].id} if back >= 0 else set())
    if back >= 0:
        found.add(steps[back].id)
    while back > 0 and steps[back].mode == "conc" and steps[back - 1].mode == "conc":
        back -= 1
        found.add(steps[back].id)
    return found


def can_be(steps: Sequence[Step]) -> bool:
    """Say whether there is any order at all in which each step comes after what it waits for."""
    waits = {step.id: blockers(steps, number) for number, step in enumerate(steps)}
    return any(
        all(waits[id] <= set(order[:place]) for place, id in enumerate(order))
        for order in permutations(waits)
    )


def played(
    steps: Sequence[Step], ends: Mapping[str, Run], at_once: int, is_stopped: bool
) -> tuple[list[tuple[int, str]], dict[str, str], int]:
    """Return when each step begins, how each ends, and when all is over."""
    waits = {step.id: blockers(steps, number) for number, step in enumerate(steps)}
    begun: list[tuple[int, str]] = []
    running: dict[str, int] = {}
    over: dict[str, str] = {}
    now = 0
    while len(over) < len(steps):
        changed = True
        while changed:
            changed = False
            if is_stopped and "failure" in over.values():
                over |= dict.fromkeys(running, "cancelled")
                running = {}
                over |= {step.id: "skipped" for step in steps if step.id not in over}
                break
            for step in steps:
                if step.id in over or step.id in running:
                    continue
                wanted = set(step.needs) | {file.split("/")[0] for file in step.takes.values()}
                if any(over.get(id, "success") != "success" for id in wanted):
                    over[step.id] = "skipped"
                    changed = True
                    break
            else:
                for step in steps:
                    is_new = step.id not in over and step.id not in running
                    if is_new and waits[step.id] <= over.keys() and len(running) < at_once:
                        running[step.id] = now + ends[step.id][1]
                        begun.append((now, step.id))
        if running:
            first = min(running, key=lambda id: running[id])
            now = running.pop(first)
            over[first] = ends[first][0]
    return begun, over, now
