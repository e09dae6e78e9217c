"""The environment of a workflow that is tried: variables, secrets and connections, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.definition.uses import NAMED, SECRETS, VARIABLES, named, read_by
from actors.flow.errors import fault
from actors.flow.fast import names
from cli.documents import read, value
from cli.errors import Mistake
from messages.run import Call, Evaluate, Evaluated, Expression

EXAMPLE = "{variables: {region: eu}, secrets: {key: anything}, connections: {api: 'https://example.com'}}"
WHAT = {SECRETS: "secret", VARIABLES: "variable"}


class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says. Secrets are values here: nothing is stored, and nothing leaves the machine."""

    variables: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    connections: dict[str, str] = {}

    def expressions(self, ask: Evaluate) -> Evaluate | Evaluated:
        """Return the expressions with what they name, or that something is not there."""
        known: dict[str, Mapping[str, Any]] = {SECRETS: self.secrets, VARIABLES: self.variables}
        given: dict[str, Expression] = {}
        for slot, one in ask.expressions.items():
            wanted = {name: known[name] for name in names(one.text) & known.keys()}
            for name, held in wanted.items():
                for missing in sorted((read_by(one.text, name) or frozenset()) - held.keys()):
                    told = f"no {WHAT[name]} {missing} is given; write it into the file of --environment"
                    wrong = fault("configuration", ask.pointer, told)
                    return Evaluated(frame=ask.frame, ask=ask.ask, problem=wrong.problem)
            given[slot] = replace(one, variables={**wanted, **one.variables})
        return replace(ask, expressions=given)

    def call(self, call: Call) -> Call:
        """Return a call whose endpoint names a connection as one to its address, if that is given."""
        endpoint = call.arguments.get("endpoint")
        address = self.connections.get(named(endpoint), "")
        if not address:
            return call
        uri = endpoint["uri"] if isinstance(endpoint, Mapping) else str(endpoint)
        uri = address.rstrip("/") + uri.removeprefix(NAMED).removeprefix(named(endpoint))
        there = {**endpoint, "uri": uri} if isinstance(endpoint, Mapping) else uri
        return replace(call, arguments={**call.arguments, "endpoint": there})


def load(path: str) -> Environment:
    """Return the environment of a file; raises Mistake naming what is wrong with it."""
    found = value(read(path), path) if path else {}
    try:
        return msgspec.convert(found, Environment)
    except msgspec.ValidationError as error:
        raise Mistake(f"{path}: {error}; it is like {EXAMPLE}") from None
