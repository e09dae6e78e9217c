"""What a definition uses of its environment: variables, secrets, connections, and other workflows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from actors.flow.fast import below, expression
from actors.flow.program import Program, read
from messages.triggers import HttpTrigger
from messages.workflow import Definition

SECRETS, VARIABLES = "secrets", "vars"
"""The names by which expressions know them."""
CONNECTIONS = {"database": "database", "email": "smtp", "slack": "slack"}
"""Which kind of connection a call names."""
NAMED = "connection://"
"""How an HTTP call names a connection, before the path."""
_READ = r"\s*(?:\.\s*([A-Za-z_][A-Za-z0-9_]*)|\.?\[\s*\"([A-Za-z0-9_-]+)\"\s*\])"
READ = {name: re.compile(rf"\${name}(?![A-Za-z0-9_])(?:{_READ})?") for name in (SECRETS, VARIABLES)}


class Use(NamedTuple):
    """Something that is used, and where."""

    what: str
    """variable, secret, connection or workflow."""
    name: str
    """Empty: what it is, is computed."""
    at: str
    kind: str = ""
    """Of a connection."""


def read_by(text: str, what: str) -> frozenset[str] | None:
    """Return which variables or secrets an expression reads; None: it may be any."""
    found = [one[1] or one[2] for one in READ[what].finditer(text)]
    return frozenset(found) if all(found) else None


def named(endpoint: Any) -> str:
    """Return the connection that an endpoint names, or nothing."""
    uri = endpoint.get("uri") if isinstance(endpoint, Mapping) else endpoint
    if not isinstance(uri, str) or not uri.startswith(NAMED):
        return ""
    return re.split(r"[/?#]", uri.removeprefix(NAMED), maxsplit=1)[0]


def uses(definition: Definition) -> list[Use]:
    """Return what a workflow uses, each place once."""
    found = [
        Use("secret", one.secret, f"/triggers/{place}/secret")
        for place, one in enumerate(definition.triggers)
        if isinstance(one, HttpTrigger) and one.secret is not None
    ]
    if definition.definition is not None:
        program = read(msgspec.json.encode(definition.definition).decode())
        found += _texts(program.document, "/definition")
        found += _tasks(program)
    return list(dict.fromkeys(found))


def _texts(value: Any, at: str) -> Iterator[Use]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _texts(one, below(at, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _texts(one, below(at, place))
    elif isinstance(value, str):
        for what, name in (("secret", SECRETS), ("variable", VARIABLES)):
            read_names = read_by(value, name)
            for one in sorted({""} if read_names is None else read_names):
                yield Use(what, one, at)


def _tasks(program: Program) -> Iterator[Use]:
    for task in program.tasks.values():
        at, given = f"/definition{task.pointer}", task.body.get("with", {})
        if task.kind == "call" and task.body["call"] in CONNECTIONS:
            connection = given.get("connection")
            if isinstance(connection, str) and "://" not in connection:
                name = "" if expression(connection) is not None else connection
                yield Use("connection", name, f"{at}/with/connection", CONNECTIONS[task.body["call"]])
        elif task.kind == "call" and task.body["call"] == "http" and named(given.get("endpoint")):
            yield Use("connection", named(given["endpoint"]), f"{at}/with/endpoint", "http")
        elif task.kind == "run" and "workflow" in task.body["run"]:
            name = task.body["run"]["workflow"]["name"]
            yield Use("workflow", "" if expression(name) is not None else name, f"{at}/run/workflow/name")
