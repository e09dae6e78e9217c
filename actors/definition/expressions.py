"""The expressions of a definition that only jq can read, with their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import msgspec

from actors.flow import plain
from actors.flow.fast import below, expression, template
from actors.flow.program import WORKFLOW, Task, read

NOT_RUN = ("/metadata", "/input/schema", "/output/schema", "/export/schema")
"""What of a task, or of the whole, may hold a text that looks like an expression and is never evaluated."""
MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""How a document is read that is not as the schema says."""


def expressions(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return each expression that is not a plain one by its JSON pointer.

    There are none of a document whose tasks cannot be told: that is to be mended first.
    """
    try:
        tasks = read(msgspec.json.encode(definition).decode()).tasks
        left = {pointer + part for pointer in tasks for part in NOT_RUN}
        found = [
            *((at, text) for at, text in _wholly(definition) if left.isdisjoint(accumulate(_steps(at)))),
            *(one for task in tasks.values() for one in _conditions(task)),
        ]
    except MALFORMED:
        return {}
    return {at: text for at, text in found if plain.read(text) is None}


def _wholly(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, part in definition.items():
        if name != "document":
            yield from template(part, below("", name))


def _steps(pointer: str) -> Iterator[str]:
    return (f"/{step}" for step in pointer.split("/")[1:])


def _conditions(task: Task) -> Iterator[tuple[str, str]]:
    """Yield the fields of a task that are expressions without ``${ }`` too."""
    for at, said in _fields(task):
        if isinstance(said, str) and expression(said) is None:
            yield f"{task.pointer}/{at}", said.strip()


def _fields(task: Task) -> Iterator[tuple[str, Any]]:
    body = task.body if task.kind != WORKFLOW else {}
    yield "if", body.get("if")
    match task.kind:
        case "for":
            yield "for/in", body["for"].get("in")
            yield "while", body.get("while")
        case "switch":
            for place, case in enumerate(body["switch"]):
                ((name, one),) = case.items()
                yield f"{below(f'switch/{place}', name)}/when", one.get("when")
        case "try":
            yield from ((f"catch/{name}", body["catch"].get(name)) for name in ("when", "exceptWhen"))
