"""What is wrong with a definition: by the schema of its language, and by what we can run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from actors.definition import names, schemas, supported
from actors.definition.bounds import TASKS_MAX, exceeded
from actors.definition.explain import doubtful, explain
from actors.definition.schema import faults, tasks
from actors.definition.wrong import Wrong
from actors.flow.program import KINDS, SEQUENCE, WORKFLOW, Program, Task, kind_of, read

FAULTS_MAX = 50
"""How many faults are told of one document."""


def check(document: Any) -> list[Wrong]:
    """Return what is wrong with a definition, the outermost first; nothing: it can be run."""
    bound = exceeded(document)
    if bound:
        return [Wrong("", bound)]
    wrong = _by_schema(document)
    if wrong:
        return wrong
    program = read(msgspec.json.encode(document).decode())
    found = [*_whole(program), *(one for task in program.tasks.values() for one in _task(program, task))]
    return found[:FAULTS_MAX]


def _by_schema(document: Any) -> list[Wrong]:
    """Return each fault once; members that do not go together only where nothing else is wrong."""
    found = list(faults(document))
    certain = [one for pointer, error in found for one in explain(error, pointer)]
    certain += [one for pointer, task in tasks(document) for one in _no_task(pointer, task)]
    wrong = certain or _innermost([one for pointer, error in found for one in doubtful(error, pointer)])
    wrong = wrong or [Wrong(pointer, error.message[:300]) for pointer, error in found]
    return list(dict.fromkeys(wrong))[:FAULTS_MAX]


def _innermost(wrong: list[Wrong]) -> list[Wrong]:
    return [one for one in wrong if not any(other.at.startswith(f"{one.at}/") for other in wrong)]


def _no_task(pointer: str, task: Mapping[str, Any]) -> Iterator[Wrong]:
    if kind_of(task):
        return
    close = [found for name in task for found in get_close_matches(str(name), KINDS, n=1)]
    hint = f"did you mean {close[0]}?" if close else f"a task has one of {', '.join(KINDS)}"
    yield Wrong(pointer, f"it does not say what is to be done; {hint}")


def _whole(program: Program) -> Iterator[Wrong]:
    count = sum(task.kind not in (SEQUENCE, WORKFLOW) for task in program.tasks.values())
    if count > TASKS_MAX:
        yield Wrong(
            "", f"the definition has {count} tasks, at most {TASKS_MAX} are taken; call other workflows"
        )
    yield from supported.whole(program)


def _task(program: Program, task: Task) -> Iterator[Wrong]:
    if task.kind == SEQUENCE:
        yield from names.targets(program, task)
        return
    yield from (Wrong(*fault) for fault in schemas.faults(task.pointer, task.body))
    yield from names.references(program, task)
    if task.kind != WORKFLOW:
        yield from supported.task(program, task)
        yield from names.introduced(task)
