"""What a run is given by its environment: variables, what stands for secrets, and at last the secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from actors.definition.uses import CONNECTIONS, NAMED, SECRETS, VARIABLES, named, read_by
from actors.environments.belongings import PLACE
from actors.flow.fast import names
from messages.envelope import Address
from messages.environment import Connection
from messages.run import Call, Evaluate, Expression
from node.calls.failed import misconfigured
from node.vault import STANDING, Locked, Vault
from node.workers.voice import Voice

ADDRESSES = ("endpoint", "document", "connection", "webhook")
"""The arguments of calls that are addresses: a secret is percent-encoded there, unless it stands first."""
NAMES_SHOWN = 10


class Contents(msgspec.Struct, frozen=True):
    """What an environment has."""

    variables: dict[str, Any]
    secrets: dict[str, str | None]
    connections: dict[str, Connection]


class Lent(NamedTuple):
    """A call as it is made, and what must not be told of it."""

    call: Call
    secrets: tuple[str, ...] = ()


class Lending:
    """Lends the runs of one node what their environments have."""

    def __init__(self, voice: Voice, vault: Vault) -> None:
        self._voice = voice
        self._vault = vault

    async def expressions(self, ask: Evaluate) -> Evaluate:
        """Return the expressions with the variables that they name; raises Failed for what is not there."""
        wanted = {name: names(one.text) & {SECRETS, VARIABLES} for name, one in ask.expressions.items()}
        if not any(wanted.values()):
            return ask
        contents = await self.contents(ask.environment)
        given = {
            name: self._given(ask, one, contents) if wanted[name] else one
            for name, one in ask.expressions.items()
        }
        return replace(ask, expressions=given)

    def _given(self, ask: Evaluate, one: Expression, contents: Contents) -> Expression:
        more: dict[str, Any] = {}
        mentioned = names(one.text)
        if VARIABLES in mentioned:
            for name in sorted((read_by(one.text, VARIABLES) or frozenset()) - contents.variables.keys()):
                raise misconfigured(missing("variable", name, ask.environment, contents.variables))
            more[VARIABLES] = contents.variables
        if SECRETS in mentioned:
            more[SECRETS] = self._standing(ask, one, contents)
        return replace(one, variables=more | one.variables)

    def _standing(self, ask: Evaluate, one: Expression, contents: Contents) -> dict[str, str]:
        there = {name for name, sealed in contents.secrets.items() if sealed is not None}
        wanted = read_by(one.text, SECRETS)
        for name in sorted((wanted or frozenset()) - there):
            raise misconfigured(missing("secret", name, ask.environment, there))
        try:
            return {
                name: self._vault.standing(ask.run, ask.environment, name) for name in wanted or sorted(there)
            }
        except Locked as locked:
            raise misconfigured(str(locked)) from None

    async def call(self, call: Call) -> Lent:
        """Return a call with its secrets put in, and its connection looked up; raises Failed."""
        standing = list(dict.fromkeys(_standing(call.arguments)))
        connection = _named(call)
        if not standing and not connection:
            return Lent(call)
        contents = await self.contents(call.environment)
        lent = _Lent(self._vault, call, contents)
        try:
            return lent.filled(connection)
        except Locked as locked:
            raise misconfigured(str(locked)) from None

    async def address(self, environment: str, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the address of a connection, and the secrets that were put in; raises Failed."""
        contents = await self.contents(environment)
        nobody = Call(
            run="-",
            frame=1,
            call=1,
            pointer="",
            kind="",
            arguments={},
            attempt=1,
            key="",
            environment=environment,
        )
        lent = _Lent(self._vault, nobody, contents)
        try:
            return lent.address(name, ""), lent.used
        except Locked as locked:
            raise misconfigured(str(locked)) from None

    async def contents(self, environment: str) -> Contents:
        """Return what an environment has; raises Failed when there is none."""
        told = await self._voice.ask(Address("environment", environment), "contents")
        if "secrets" not in told:
            raise misconfigured(f"environment {environment}: {told.get('detail', 'it cannot be read')}")
        return msgspec.convert(told, Contents)


class _Lent:
    """One call that is being filled in."""

    def __init__(self, vault: Vault, call: Call, contents: Contents) -> None:
        self._vault = vault
        self._call = call
        self._contents = contents
        self._used: dict[str, str] = {}

    def filled(self, connection: str) -> Lent:
        arguments = {
            name: self._value(value, is_address=name in ADDRESSES)
            for name, value in self._call.arguments.items()
        }
        if connection:
            arguments = self._connected(arguments, connection)
        return Lent(replace(self._call, arguments=arguments), self.used)

    @property
    def used(self) -> tuple[str, ...]:
        """The secrets that were put in."""
        return tuple(self._used.values())

    def _value(self, value: Any, *, is_address: bool) -> Any:
        if isinstance(value, Mapping):
            return {
                self._text(name, is_address=False): self._value(one, is_address=is_address)
                for name, one in value.items()
            }
        if isinstance(value, list):
            return [self._value(one, is_address=is_address) for one in value]
        return self._text(value, is_address=is_address) if isinstance(value, str) else value

    def _text(self, text: str, *, is_address: bool) -> str:
        def put(found: re.Match[str]) -> str:
            if not self._vault.is_own(found, self._call.run, self._call.environment):
                told = f"the secret {found[1]} was given to another run, or was changed"
                raise misconfigured(f"{told}: read $secrets.{found[1]} where it is used, as it is")
            value = self._secret(found[1])
            return quote(value, safe="") if is_address and found.start() > 0 else value

        return STANDING.sub(put, text)

    def _secret(self, name: str) -> str:
        sealed = self._contents.secrets.get(name)
        environment = self._call.environment
        if sealed is None:
            there = [one for one, found in self._contents.secrets.items() if found is not None]
            raise misconfigured(missing("secret", name, environment, there))
        if name not in self._used:
            self._used[name] = self._vault.open(environment, name, sealed)
        return self._used[name]

    def _connected(self, arguments: dict[str, Any], name: str) -> dict[str, Any]:
        if self._call.kind in CONNECTIONS:
            return {**arguments, "connection": self.address(name, CONNECTIONS[self._call.kind])}
        endpoint = arguments["endpoint"]
        uri = endpoint["uri"] if isinstance(endpoint, Mapping) else endpoint
        path = uri.removeprefix(NAMED).removeprefix(name)
        uri = self.address(name, "http").rstrip("/") + path
        return {**arguments, "endpoint": {**endpoint, "uri": uri} if isinstance(endpoint, Mapping) else uri}

    def address(self, name: str, kind: str) -> str:
        known = self._contents.connections
        found = known.get(name)
        if found is None:
            raise misconfigured(missing("connection", name, self._call.environment, known))
        if kind and found.kind != kind:
            raise misconfigured(f"the connection {name} is one of {found.kind}, not of {kind}")
        at = found.url.find("/", found.url.find("://") + 3)

        def put(place: re.Match[str]) -> str:
            is_path = 0 <= at < place.start()  # a path of a webhook has slashes, a password must not
            return quote(self._secret(place[1]), safe="/" if is_path else "")

        return PLACE.sub(put, found.url)


def missing(what: str, name: str, environment: str, known: Any) -> str:
    """Return that an environment has no such thing, and what to do."""
    shown = ", ".join(sorted(known)[:NAMES_SHOWN]) or "none"
    told = (
        f"the environment {environment} has no {what} {name} that is set"
        if what == "secret"
        else (f"the environment {environment} has no {what} {name}")
    )
    return f"{told}: covey {what} set {name} --environment {environment}; there are {shown}"


def _standing(value: Any) -> Iterator[str]:
    """Find what stands for secrets."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from (found[0] for found in STANDING.finditer(str(name)))
            yield from _standing(one)
    elif isinstance(value, list):
        for one in value:
            yield from _standing(one)
    elif isinstance(value, str):
        yield from (found[0] for found in STANDING.finditer(value))


def _named(call: Call) -> str:
    """Return the name of the connection that a call goes by, or nothing."""
    if call.kind in CONNECTIONS:
        found = call.arguments.get("connection")
        return found if isinstance(found, str) and "://" not in found and not STANDING.search(found) else ""
    return named(call.arguments.get("endpoint")) if call.kind == "http" else ""
