"""The published schema of the language, applied task by task.

As a whole it tries each task as each kind, and with it the tasks in it: that takes four times as long with
each level. Here each task is held against the schema of its own kind without those in it, and they after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import jsonschema
import referencing
import yaml

from actors.flow.fast import below
from actors.flow.program import kind_of

SCHEMA = "ows-1.0.3.yaml"
"""The schema of the Open Workflow Specification, DSL 1.0.3, as it was published (Apache-2.0)."""
PROTOCOLS = ("asyncapi", "grpc", "http", "openapi", "a2a", "mcp")
"""What ``call`` names beside functions, in the order of the schema."""
LISTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "do": (("do",),),
    "for": (("do",),),
    "fork": (("fork", "branches"),),
    "try": (("try",), ("catch", "do")),
    "listen": (("foreach", "do"),),
    "call": (("with", "subscription", "foreach", "do"),),
}
"""Where the lists of tasks stand in a task of a kind."""
_ITEM = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "object"}}
_LIST = {"title": "TaskList", "type": "array", "items": {"title": "TaskItem", **_ITEM}}


class Broken(NamedTuple):
    """A rule of the schema that something does not keep."""

    rule: str
    """``required``, ``type``, ``oneOf``, …"""
    wanted: Any
    there: Any
    path: tuple[str | int, ...]
    """Where it is, seen from what was held against the schema."""
    schema: Mapping[str, Any]
    message: str
    branches: Mapping[int, Sequence[Broken]]
    """What is wrong with each of the alternatives."""


@cache
def published() -> dict[str, Any]:
    """Return the schema as it was published."""
    loader = yaml.SafeLoader(files("actors.definition").joinpath(SCHEMA).read_text())
    boolean = "tag:yaml.org,2002:bool"
    loader.yaml_implicit_resolvers = {
        first: [(tag, re.compile("(?:true|false)$") if tag == boolean else pattern) for tag, pattern in known]
        for first, known in loader.yaml_implicit_resolvers.items()
    }  # YAML 1.2: or its member ``on`` would be true
    found: dict[str, Any] = loader.get_data()
    return found


@cache
def _flat() -> jsonschema.Draft202012Validator:
    """Return the schema with all tasks left out."""
    nothing: referencing.Registry[Any] = referencing.Registry()  # what it points to is all in it
    return jsonschema.Draft202012Validator({**published(), "$defs": _definitions()}, registry=nothing)


@cache
def _definitions() -> Mapping[str, Any]:
    return {**published()["$defs"], "taskList": _LIST, "task": {"type": "object"}}


def resolve(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema that one points to, or itself."""
    while "$ref" in schema:
        schema = _definitions()[schema["$ref"].removeprefix("#/$defs/")]
    return schema


def faults(document: Any) -> Iterator[tuple[str, Broken]]:
    """Yield each fault and the pointer of the document, or the task, that it is a fault of."""
    yield from (("", _read(error)) for error in _flat().iter_errors(document))
    for pointer, task in tasks(document):
        schema = _branch(task)
        if schema is not None:
            yield from ((pointer, _read(error)) for error in _flat().descend(task, schema))


def _read(error: jsonschema.ValidationError) -> Broken:
    branches: dict[int, list[Broken]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(_read(inner))
    return Broken(
        rule=str(error.validator),
        wanted=error.validator_value,
        there=error.instance,
        path=tuple(error.relative_path) or _forbidden(error),
        schema=error.schema if isinstance(error.schema, dict) else {},
        message=error.message,
        branches=branches,
    )


def _forbidden(error: jsonschema.ValidationError) -> tuple[str | int, ...]:
    """Return where a member is that must not be there: the library leaves that out."""
    above: Any = error.parent.instance if error.parent is not None and error.validator is None else {}
    return tuple(name for name, value in above.items() if value is error.instance)


def _branch(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of the kind of a task."""
    kind = kind_of(task)
    if not kind:
        return None
    schema: Mapping[str, Any] = _definitions()[f"{kind}Task"]
    if kind != "call":
        return schema
    called = task["call"]
    place = PROTOCOLS.index(called) if called in PROTOCOLS else len(PROTOCOLS)
    branch: Mapping[str, Any] = schema["oneOf"][place]
    return branch


def tasks(document: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the pointer and the body of each task, as far as they stand where tasks do."""
    yield from _listed("/do", _at(document, "do"))
    functions = _at(document, "use", "functions")
    for name, body in functions.items() if isinstance(functions, dict) else ():
        yield from _within(below("/use/functions", name), body)
    for place, item in _items(_at(document, "use", "extensions")):
        for name, extension in item.items():
            for when in ("before", "after"):
                pointer = below(below("/use/extensions", place), name)
                yield from _listed(f"{pointer}/{when}", _at(extension, when))


def _listed(pointer: str, found: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for place, item in _items(found):
        for name, body in item.items():
            yield from _within(below(below(pointer, place), name), body)


def _within(pointer: str, body: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(body, dict):
        return
    yield pointer, body
    for path in LISTS.get(kind_of(body), ()):
        yield from _listed(f"{pointer}/{'/'.join(path)}", _at(body, *path))


def _items(found: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for place, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield place, item


def _at(value: Any, *path: str) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
