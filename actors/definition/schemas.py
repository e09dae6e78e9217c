"""The JSON Schemas that a definition gives for its data: what of them a node evaluates itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema

PLACES: Final = ("input", "output", "export")
PATTERNS: Final = ("pattern", "patternProperties")
"""A regular expression can take for ever, and is evaluated where all runs are: expressions have ``test``."""
REFERENCES: Final = ("$ref", "$dynamicRef")
DEPTH_MAX: Final = 64


def faults(pointer: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the place and the reason of each schema of a task that cannot be used."""
    for place in PLACES:
        said = body.get(place)
        schema = said.get("schema") if isinstance(said, Mapping) else None
        if not isinstance(schema, Mapping):
            continue
        at = f"{pointer}/{place}/schema"
        if "document" not in schema:
            yield at, "a schema is written in its document; one elsewhere is not fetched"
        else:
            yield from _document(f"{at}/document", schema["document"])


def _document(at: str, schema: Any) -> Iterator[tuple[str, str]]:
    found = list(_refused(at, schema, 0))
    yield from found
    if found:
        return
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        yield at + "".join(f"/{step}" for step in error.absolute_path), error.message


def _refused(at: str, schema: Any, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEPTH_MAX:
        yield at, f"a schema is nested at most {DEPTH_MAX} levels deep"
    elif isinstance(schema, Mapping):
        for name, value in schema.items():
            here = f"{at}/{name}"
            if name in PATTERNS and not at.endswith("/properties"):
                yield here, f"{name} is not evaluated by a node; test the text in an expression"
            elif name in REFERENCES and not str(value).startswith("#"):
                yield here, f"{value} is not fetched; put it into $defs"
            else:
                yield from _refused(here, value, depth + 1)
    elif isinstance(schema, list):
        for place, value in enumerate(schema):
            yield from _refused(f"{at}/{place}", value, depth + 1)
