"""The names of a definition: of tasks to go on with, of what ``use`` holds, and of what expressions see."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from actors.definition.wrong import Wrong
from actors.flow.fast import below
from actors.flow.plain import JQ_OWN
from actors.flow.program import Program, Task

DIRECTIVES = ("continue", "exit", "end")
OWN = (
    frozenset({"context", "input", "output", "secrets", "authorization", "task", "workflow", "runtime"})
    | {"vars"}
    | JQ_OWN
)
"""What expressions see anyway."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def targets(program: Program, task: Task) -> Iterator[Wrong]:
    """Check the names of the tasks of a list, and that each ``then`` in it leads somewhere."""
    known = Counter(program[pointer].name for pointer in task.steps)
    for name, count in known.items():
        if count > 1:
            yield Wrong(task.pointer, f"{count} tasks of the list are called {name}; give each its own name")
    is_branches = task.pointer.endswith("/fork/branches")
    for pointer in task.steps:
        for at, then in _targets(program[pointer]):
            if then in DIRECTIVES:
                continue
            if is_branches:
                yield Wrong(at, "a branch of a fork has no other task to go to")
            elif then not in known:
                there = ", ".join((*known, *DIRECTIVES))
                yield Wrong(at, f"there is no task {then} in this list; there are {there}")


def _targets(task: Task) -> Iterator[tuple[str, str]]:
    if "then" in task.body:
        yield f"{task.pointer}/then", task.body["then"]
    if task.kind == "switch":
        for place, item in enumerate(task.body["switch"]):
            ((name, case),) = item.items()
            yield below(f"{task.pointer}/switch/{place}", name) + "/then", case["then"]
    if task.kind == "try" and "then" in task.body["catch"]:
        yield f"{task.pointer}/catch/then", task.body["catch"]["then"]


def references(program: Program, task: Task) -> Iterator[Wrong]:
    """Check that what is referred to by name is there."""
    for at, what, name in _references(task.body):
        if isinstance(name, str) and program.reusable(what, name) is None:
            known = ", ".join(program.document.get("use", {}).get(what, {})) or "none"
            yield Wrong(task.pointer + at, f"use.{what} has no {name}; there are {known}")
    is_function = task.pointer.count("/") == 3 and task.pointer.startswith("/use/functions/")
    for at, then in _targets(task) if is_function else ():
        if then not in DIRECTIVES:
            yield Wrong(at, "a function has no other task to go to")


def _references(body: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    yield "/timeout", "timeouts", body.get("timeout")
    if "raise" in body:
        yield "/raise/error", "errors", body["raise"]["error"]
    if "catch" in body:
        yield "/catch/retry", "retries", body["catch"].get("retry")
    if body.get("call") in ("http", "openapi"):
        for at, policy in policies(body["with"]):
            yield f"/with{at}/use", "authentications", policy.get("use")


def policies(given: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the authentications that a call names or writes, and where."""
    for path in (("endpoint",), ("document", "endpoint"), ()):
        found: Any = given
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        policy = found.get("authentication") if isinstance(found, Mapping) else None
        if isinstance(policy, Mapping):
            yield "".join(f"/{step}" for step in (*path, "authentication")), policy


def introduced(task: Task) -> Iterator[Wrong]:
    """Check that the names that a task gives to what expressions see are names, and are free."""
    for at, name in _introduced(task):
        if not _NAME.fullmatch(name):
            yield Wrong(
                task.pointer + at, f"{name} is no name that an expression can say; write letters and digits"
            )
        elif name in OWN:
            yield Wrong(task.pointer + at, f"${name} is something else already; take another name")


def _introduced(task: Task) -> Iterator[tuple[str, str]]:
    if task.kind == "for":
        yield from (
            (f"/for/{name}", task.body["for"][name]) for name in ("each", "at") if name in task.body["for"]
        )
    if task.kind == "try" and "as" in task.body["catch"]:
        yield "/catch/as", task.body["catch"]["as"]
