"""Whether data are as a JSON Schema wants them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema
import msgspec
import referencing

SCHEMAS = 256
"""How many are kept read."""


def mismatch(schema: Any, data: Any) -> str:
    """Return where and why data do not fit, or nothing."""
    if schema is None:
        return ""
    try:
        error = jsonschema.exceptions.best_match(_validator(msgspec.json.encode(schema)).iter_errors(data))
    except referencing.exceptions.Unresolvable as unknown:
        return f"the schema points to {unknown.ref}, which is not in it"
    except RecursionError:
        return "the schema points to itself without end"
    return "" if error is None else f"{error.json_path}: {error.message}"


@lru_cache(maxsize=SCHEMAS)
def _validator(schema: bytes) -> jsonschema.Draft202012Validator:
    # or what it points to would be fetched from wherever the schema says
    nothing: referencing.Registry[Any] = referencing.Registry()
    return jsonschema.Draft202012Validator(msgspec.json.decode(schema), registry=nothing)
