"""A definition as the engine reads it: its tasks by JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from actors.flow.fast import below

KINDS = ("call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait")
WORKFLOW = "workflow"
"""The kind of the whole, whose pointer is empty."""
SEQUENCE = "sequence"
"""The kind of a list of tasks."""
PROGRAMS = 256
"""How many definitions are kept read."""


@dataclass(frozen=True)
class Task:
    """One task, or a list of them, or the whole."""

    pointer: str
    name: str
    kind: str
    body: Mapping[str, Any]
    steps: tuple[str, ...] = field(default=())
    """Of a list: the pointers of its tasks, in their order."""


@dataclass(frozen=True)
class Program:
    """All tasks of a definition."""

    document: Mapping[str, Any]
    tasks: Mapping[str, Task]

    def __getitem__(self, pointer: str) -> Task:
        return self.tasks[pointer]

    def named(self, sequence: Task, name: str) -> int:
        """Return the place of a task in its list, or -1."""
        names = [self.tasks[pointer].name for pointer in sequence.steps]
        return names.index(name) if name in names else -1

    def reusable(self, what: str, value: Any) -> Any:
        """Return what stands under a name in ``use``, or the value itself when it is no name."""
        if not isinstance(value, str):
            return value
        found: Any = self.document.get("use", {}).get(what, {}).get(value)
        return found


def kind_of(body: Mapping[str, Any]) -> str:
    """Return the kind of a task: ``for`` before ``do``, which it has too."""
    for kind in ("for", "try", "fork", *KINDS):
        if kind in body:
            return kind
    return ""


@lru_cache(maxsize=PROGRAMS)
def read(definition: str) -> Program:
    """Read a definition from its JSON."""
    document: dict[str, Any] = msgspec.json.decode(definition)
    tasks = {"": Task("", "", WORKFLOW, document)}
    for task in _sequence("/do", document.get("do", ())):
        tasks[task.pointer] = task
    for name, body in document.get("use", {}).get("functions", {}).items():
        for task in _task(below("/use/functions", name), name, body):
            tasks[task.pointer] = task
    return Program(document, tasks)


def _sequence(pointer: str, items: Sequence[Mapping[str, Any]]) -> Iterator[Task]:
    steps = []
    for place, item in enumerate(items):
        ((name, body),) = item.items()
        steps.append(below(below(pointer, place), name))
        yield from _task(steps[-1], name, body)
    yield Task(pointer, "", SEQUENCE, {}, tuple(steps))


def _task(pointer: str, name: str, body: Mapping[str, Any]) -> Iterator[Task]:
    kind = kind_of(body)
    yield Task(pointer, name, kind, body)
    for where, items in _lists(kind, body):
        yield from _sequence(f"{pointer}/{where}", items)


def _lists(kind: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """Yield the lists of tasks inside a task, and where they stand."""
    if kind in ("do", "for"):
        yield "do", body["do"]
    elif kind == "fork":
        yield "fork/branches", body["fork"]["branches"]
    elif kind == "try":
        yield "try", body["try"]
        if "do" in body.get("catch", {}):
            yield "catch/do", body["catch"]["do"]
    elif kind == "listen" and "do" in body.get("foreach", {}):
        yield "foreach/do", body["foreach"]["do"]
