"""What a fault of the schema means, in words, and where exactly it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from actors.definition.schema import Broken, resolve
from actors.definition.wrong import Wrong
from actors.flow.fast import below

SHOWN_CHARACTERS = 60
_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_TEXTS = {
    "WorkflowDSL": "a version like 1.0.3",
    "WorkflowVersion": "a version like 0.1.0",
    "WorkflowNamespace": "letters, digits and dashes, 63 at most",
    "WorkflowName": "letters, digits and dashes, 63 at most",
    "DurationLiteral": "a duration like PT30S, P1D or P1M",
    "RuntimeExpression": "an expression like ${ .name }",
    "UriTemplate": "an address",
    "FlowDirective": "continue, exit, end, or the name of a task of the list",
}
"""What a text has to be, by the title of its schema."""


def explain(error: Broken, at: str) -> Iterator[Wrong]:
    """Yield what is wrong; ``at`` is the pointer of what was held against the schema."""
    for step in error.path:
        at = below(at, step)
    said = _SAID.get(error.rule)
    yield from said(error, at) if said else [Wrong(at, f"{_shown(error.there)} may not stand here")]


def doubtful(error: Broken, at: str) -> Iterator[Wrong]:
    """Yield members that do not go with each other: of interest where nothing else is wrong."""
    for step in error.path:
        at = below(at, step)
    for name in error.there if error.rule.startswith("unevaluated") else ():
        if repr(name) in error.message:
            yield Wrong(below(at, name), f"{name} does not go with what else stands there")


def _type(error: Broken, at: str) -> Iterator[Wrong]:
    yield Wrong(at, f"{_shown(error.there)} has to be {_kind(error.wanted)}")


def _kind(types: Any) -> str:
    return " or ".join(_KINDS.get(one, one) for one in ([types] if isinstance(types, str) else types))


def _required(error: Broken, at: str) -> Iterator[Wrong]:
    name = next(one for one in error.wanted if error.message.startswith(repr(one)))
    yield Wrong(at, f"{name} is missing")


def _unknown(error: Broken, at: str) -> Iterator[Wrong]:
    """Yield each member that no part of the schema knows; the library names more."""
    known = _members(error.schema)
    for name in error.there:
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
            yield Wrong(below(at, name), f"{name} is not known here; {hint}")


def _members(schema: Any) -> set[str]:
    """Return all members that a schema and its parts and alternatives name."""
    schema = resolve(schema) if isinstance(schema, Mapping) else {}
    parts = [part for word in ("allOf", "oneOf", "anyOf") for part in schema.get(word, ())]
    return set(schema.get("properties", ())).union(*(_members(part) for part in parts))


def _one_of(error: Broken, at: str) -> Iterator[Wrong]:
    """Explain the alternative that was meant: the one that has most to do with what is there."""
    branches = error.branches
    if len(branches) < len(error.wanted):
        yield Wrong(at, f"only one of these may be there: {_listed(error.wanted)}")
        return
    distances = {number: _distance(found) for number, found in branches.items()}
    nearest = min(distances.values())
    meant = [number for number, one in distances.items() if one == nearest]
    if nearest.is_other or len(meant) > 1:
        what = _TEXTS.get(error.schema.get("title", "")) or _listed(error.wanted)
        yield Wrong(at, f"{_shown(error.there)} has to be {what}")
        return
    for inner in branches[meant[0]]:
        yield from explain(inner, at)


class _Distance(NamedTuple):
    """How far what is there is from an alternative."""

    is_other: bool
    """It is another thing altogether."""
    missing: int
    faults: int


def _distance(found: Sequence[Broken]) -> _Distance:
    here = [one for one in found if not one.path]
    missing = sum(one.rule == "required" for one in here)
    return _Distance(any(map(_is_other, here)), missing, len(found))


def _is_other(error: Broken) -> bool:
    if error.rule in ("anyOf", "oneOf"):
        return all(any(map(_is_other, found)) for found in error.branches.values())
    return error.rule in ("type", "pattern", "enum", "const")


def _listed(schemas: Sequence[Any]) -> str:
    """Return in words what alternatives there are."""
    forms = list(dict.fromkeys(form for schema in schemas for form in _forms(schema)))
    return forms[0] if len(forms) == 1 else f"{', '.join(forms[:-1])} or {forms[-1]}"


def _forms(schema: Mapping[str, Any]) -> list[str]:
    whole = resolve(schema)
    title = whole.get("title", "")
    if title in _TEXTS:
        return [_TEXTS[title]]
    if "type" not in whole:
        inner = [
            form
            for word in ("allOf", "anyOf", "oneOf")
            for one in whole.get(word, ())
            for form in _forms(one)
        ]
        return inner or [_object(whole)]
    return [_object(whole) if whole["type"] == "object" else _kind(whole["type"])]


def _object(schema: Mapping[str, Any]) -> str:
    if schema.get("required"):
        return f"an object with {' and '.join(schema['required'])}"
    members = ", ".join(sorted(_members(schema)))
    return f"an object of {members}" if members else "an object"


def _pattern(error: Broken, at: str) -> Iterator[Wrong]:
    what = _TEXTS.get(error.schema.get("title", ""), f"like {error.wanted}")
    yield Wrong(at, f"{_shown(error.there)} has to be {what}")


def _enum(error: Broken, at: str) -> Iterator[Wrong]:
    yield Wrong(at, f"{_shown(error.there)} has to be one of {', '.join(map(str, error.wanted))}")


def _const(error: Broken, at: str) -> Iterator[Wrong]:
    yield Wrong(at, f"{_shown(error.there)} has to be {error.wanted}")


def _many(error: Broken, at: str) -> Iterator[Wrong]:
    names = ", ".join(map(str, error.there))
    yield Wrong(at, f"{names}: each task is an item of its own, with a dash before its name")


def _none(error: Broken, at: str) -> Iterator[Wrong]:
    yield Wrong(at, "there is nothing in it")


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


_SAID: Mapping[str, Callable[[Broken, str], Iterator[Wrong]]] = {
    "type": _type,
    "required": _required,
    "unevaluatedProperties": _unknown,
    "additionalProperties": _unknown,
    "oneOf": _one_of,
    "anyOf": _one_of,
    "pattern": _pattern,
    "enum": _enum,
    "const": _const,
    "maxProperties": _many,
    "minProperties": _none,
    "minItems": _none,
    "minLength": _none,
}
