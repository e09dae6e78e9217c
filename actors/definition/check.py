"""What is wrong with a definition: by the schema of its language, and by what we can run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import jsonschema
import msgspec
import referencing
import yaml

from actors.definition import schemas
from actors.definition.support import CALLS, RUNS, UNSUPPORTED
from actors.flow.fast import below
from actors.flow.program import SEQUENCE, WORKFLOW, Program, Task, read

SCHEMA = "ows-1.0.3.yaml"
"""The schema of the Open Workflow Specification, DSL 1.0.3, as it was published (Apache-2.0)."""
FAULTS_MAX = 50
"""How many faults are told of one document."""
DIRECTIVES = ("continue", "exit", "end")


class Wrong(NamedTuple):
    """One fault of a document."""

    at: str
    """The JSON pointer."""
    detail: str


def check(document: Any) -> list[Wrong]:
    """Return what is wrong with a definition, the outermost first; nothing: it can be run."""
    wrong = _by_schema(document)
    if wrong:
        return wrong
    program = read(msgspec.json.encode(document).decode())
    return [*_whole(program), *(one for task in program.tasks.values() for one in _task(program, task))][
        :FAULTS_MAX
    ]


@cache
def _validator() -> jsonschema.Draft202012Validator:
    text = files("actors.definition").joinpath(SCHEMA).read_text()
    nothing: referencing.Registry[Any] = referencing.Registry()  # what it points to is all in it
    return jsonschema.Draft202012Validator(yaml.safe_load(text), registry=nothing)


def _by_schema(document: Any) -> list[Wrong]:
    found = [_deepest(error) for error in _validator().iter_errors(document)]
    return [Wrong(_pointer(error), _said(error)) for error in found[:FAULTS_MAX]]


def _deepest(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Return the error that says most, of the alternatives that a schema offers."""
    while error.context:
        inner = jsonschema.exceptions.best_match(iter(error.context))
        if inner is None:
            break
        error = inner
    return error


def _pointer(error: jsonschema.ValidationError) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    return "".join(f"/{step}" for step in steps)


def _said(error: jsonschema.ValidationError) -> str:
    text = str(error.message)
    return text if len(text) <= 300 else f"{text[:297]}..."


def _whole(program: Program) -> Iterator[Wrong]:
    for name in ("schedule",):
        if name in program.document:
            yield Wrong(f"/{name}", "schedules are triggers of the workflow; write one there")
    for name in ("extensions", "catalogs"):
        if program.document.get("use", {}).get(name):
            yield Wrong(f"/use/{name}", f"{name} are not supported")


def _task(program: Program, task: Task) -> Iterator[Wrong]:
    if task.kind == SEQUENCE:
        yield from _list(program, task)
        return
    yield from (Wrong(*fault) for fault in schemas.faults(task.pointer, task.body))
    if task.kind != WORKFLOW:
        yield from _supported(program, task)
        yield from _names(program, task)


def _list(program: Program, task: Task) -> Iterator[Wrong]:
    names = Counter(program[pointer].name for pointer in task.steps)
    for name, count in names.items():
        if count > 1:
            yield Wrong(task.pointer, f"{count} tasks of the list are called {name}; give each its own name")
    is_branches = task.pointer.endswith("/fork/branches")
    for pointer in task.steps:
        for at, then in _targets(program[pointer]):
            if is_branches and then not in DIRECTIVES:
                yield Wrong(at, "a branch of a fork has no other task to go to")
            elif then not in DIRECTIVES and then not in names:
                known = ", ".join((*names, *DIRECTIVES))
                yield Wrong(at, f"there is no task {then} in this list; there are {known}")


def _targets(task: Task) -> Iterator[tuple[str, str]]:
    if "then" in task.body:
        yield f"{task.pointer}/then", task.body["then"]
    if task.kind == "switch":
        for place, item in enumerate(task.body["switch"]):
            ((name, case),) = item.items()
            yield below(f"{task.pointer}/switch/{place}", name) + "/then", case["then"]
    if task.kind == "try" and "then" in task.body["catch"]:
        yield f"{task.pointer}/catch/then", task.body["catch"]["then"]


def _supported(program: Program, task: Task) -> Iterator[Wrong]:
    if task.kind == "call":
        what = task.body["call"]
        if what not in CALLS and below("/use/functions", what) not in program.tasks:
            reason = UNSUPPORTED.get(f"call {what}", "there is no such function")
            yield Wrong(f"{task.pointer}/call", f"call {what}: {reason}; there are {', '.join(CALLS)}")
    if task.kind == "run":
        for what in task.body["run"]:
            if f"run {what}" in UNSUPPORTED:
                reason = UNSUPPORTED[f"run {what}"]
                yield Wrong(
                    f"{task.pointer}/run/{what}", f"run {what}: {reason}; there are {', '.join(RUNS)}"
                )
    if task.kind == "listen" and "foreach" in task.body:
        yield Wrong(f"{task.pointer}/foreach", f"listen foreach: {UNSUPPORTED['listen foreach']}")


def _names(program: Program, task: Task) -> Iterator[Wrong]:
    """Check that what is referred to by name is there."""
    for at, what, name in _references(task.body):
        if isinstance(name, str) and program.reusable(what, name) is None:
            known = ", ".join(program.document.get("use", {}).get(what, {})) or "none"
            yield Wrong(task.pointer + at, f"use.{what} has no {name}; there are {known}")


def _references(body: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    yield "/timeout", "timeouts", body.get("timeout")
    if "raise" in body:
        yield "/raise/error", "errors", body["raise"]["error"]
    if "catch" in body:
        yield "/catch/retry", "retries", body["catch"].get("retry")
