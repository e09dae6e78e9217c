"""The errors of a run: the types of the Open Workflow Specification, and which filter an error passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from messages.problem import Problem

BASE: Final = "https://open-workflow-specification.org/spec/1.0.0/errors/"
STATUSES: Final = {
    "configuration": 400,
    "validation": 400,
    "expression": 400,
    "authentication": 401,
    "authorization": 403,
    "timeout": 408,
    "communication": 500,
    "runtime": 500,
}
LIMIT: Final = "limit_exceeded"


class Fault(Exception):
    """A task cannot go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem


class Passed(Exception):
    """The run has passed a bound: it is over, whatever its tasks would catch."""


def fault(word: str, pointer: str, detail: str, *, status: int = 0) -> Fault:
    """Make the fault of a standard type: ``validation``, ``expression``, ``timeout``, …"""
    title = f"{word.capitalize().replace('_', ' ')} error"
    return Fault(
        Problem(
            type=BASE + word,
            status=status or STATUSES.get(word, 500),
            title=title,
            detail=detail,
            instance=pointer,
        )
    )


def standard(type_: str) -> str:
    """Return the last word of a standard type, under whichever address it is written; others unchanged."""
    _, found, word = type_.rpartition("/errors/")
    word = word.removeprefix("types/")
    return word if found and word in STATUSES else type_


def passes(problem: Problem, wanted: Mapping[str, Any]) -> bool:
    """Say whether an error has all the members that a filter names."""
    for name, value in wanted.items():
        has = getattr(problem, name, None)
        is_same = standard(str(has)) == standard(str(value)) if name == "type" else has == value
        if not is_same:
            return False
    return True
