"""The way to a running node: its endpoint file, its bus, its answers."""

from __future__ import annotations

import os
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from bus.connection import Bus, connect
from bus.keys import load
from bus.signing import Speak, signing, unsigned, vouched
from cli.errors import Failed, Mistake, Refused, reason_of
from messages import subjects
from messages.base import encode
from messages.copies import copy_id
from messages.envelope import RETRY, Outcome
from node.home import Endpoint

CONNECT_SECONDS = 5.0
GONE_SECONDS = 1.0
"""How long to look for a node whose process is not of this machine, or no more."""
ENDPOINT = "endpoint.json"
FIRST_KEY = Path("keys") / "admin.seed"
"""The key of the first admin, in the data directory."""
AGAIN = "retry"
"""How ``expect: retry`` is spelt in the header."""
CREDENTIALS, AUTHORITY = "COVEY_CREDS", "COVEY_TLS_CA"
"""What ``covey up`` was told of a NATS that is not the node's own, for every other verb."""


class Client:
    """A connection to one node."""

    def __init__(self, endpoint: Endpoint, bus: Bus, seconds: float, speak: Speak = unsigned) -> None:
        self.endpoint = endpoint
        self.node = endpoint.node
        self.bus = bus
        self.speak = speak
        self._seconds = seconds

    def patient_for(self, seconds: float) -> Client:
        """Return the same connection, for whoever waits no longer than this for an answer."""
        return Client(self.endpoint, self.bus, min(seconds, self._seconds), self.speak)

    async def call(
        self, to: tuple[str, str, str], body: Any, *, message: str = "", expect: int | None = None
    ) -> Outcome:
        """Say a command to (kind, id, verb) and return its outcome; raises Failed when there is no answer."""
        kind, id, verb = to
        message = message or uuid.uuid4().hex
        headers = {subjects.MESSAGE_ID: message}
        if expect is not None:
            headers[subjects.EXPECT] = AGAIN if expect == RETRY else str(expect)
        subject = subjects.call(self.node, kind, id, verb)
        try:
            reply = await self._request(subject, encode(body), headers)
        except TimeoutError:
            raise Failed(
                f"no answer within {self._seconds:g} s, so nobody knows whether it was done;"
                f" say it again with --id {message}: it takes effect once"
            ) from None
        return msgspec.json.decode(reply, type=Outcome)

    async def ask(self, kind: str, query: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask a kind, or by ``id`` in the body one entity or copy (``owner/id``); raises Failed."""
        body = body or {}
        if kind != "node" and "id" in body:
            body = body | {"id": body["id"].removeprefix(f"{self.node}/")}
        try:
            reply = await self._request(subjects.ask(self.node, kind, query), encode(body), {})
        except TimeoutError:
            raise Failed(f"no answer within {self._seconds:g} s; ask again with a longer --timeout") from None
        answer = msgspec.json.decode(reply, type=dict[str, Any])
        # a workflow that has failed may say "rejected" too; its code is a number
        if answer.get("status") == "rejected" and isinstance(answer.get("code"), str):
            raise Refused(answer["code"], reason_of(answer))
        return answer

    def entity(self, kind: str, id: str) -> tuple[str, str, str]:
        """Return (kind, id, owner) of what an id means here; the owner of our own is empty."""
        owner, slash, rest = id.partition("/")
        if not slash or owner == self.node:
            return kind, _token(rest if slash else id), ""
        return "copy", copy_id(_token(owner), kind, _token(rest)), owner

    async def _request(self, subject: str, body: bytes, headers: dict[str, str]) -> bytes:
        try:
            at, told = self.speak(subject, headers, body)
            return await self.bus.request(at, body, told, self._seconds)
        except TimeoutError:  # an OSError too, but its meaning is another
            raise
        except (OSError, RuntimeError) as error:
            raise Failed(f"the node {self.node} does not answer: {error}") from error


def _token(text: str) -> str:
    if not subjects.is_token(text):
        rule = "use 1 to 64 letters, digits, - and _, or <node>/<id> for another node's"
        raise Mistake(f"{text!r} is no id: {rule}")
    return text


def read_endpoint(data: Path) -> Endpoint:
    """Return where the node of a data directory is; raises Mistake when none runs."""
    try:
        return msgspec.json.decode((data.expanduser() / ENDPOINT).read_bytes(), type=Endpoint)
    except FileNotFoundError:
        raise Mistake(_no_node(data)) from None
    except (OSError, msgspec.DecodeError) as error:
        raise Mistake(f"{data / ENDPOINT} cannot be read: {error}") from None


@asynccontextmanager
async def connected(
    data: Path, seconds: float, key: Path | None = None, *, leaves_when_refused: bool = False
) -> AsyncIterator[Client]:
    """Connect to the node of a data directory, as the owner of a key; raises Mistake when none runs."""
    endpoint = read_endpoint(data)
    speak = _speak(data, endpoint, key)
    seed = Path(endpoint.nkey_seed_file) if endpoint.nkey_seed_file else None
    credentials = os.environ.get(CREDENTIALS)
    try:
        bus = await connect(
            endpoint.nats_url,
            name="covey-cli",
            seed_path=seed,
            credentials=Path(credentials) if credentials and seed is None else None,
            tls=_tls(endpoint.nats_url),
            leaves_when_refused=leaves_when_refused,
            within_seconds=CONNECT_SECONDS if _is_alive(endpoint.pid) else GONE_SECONDS,
        )
    except PermissionError as error:
        raise Mistake(f"{endpoint.nats_url} does not let us in: {error}") from error
    except OSError as error:
        raise Mistake(_no_node(data)) from error
    async with bus:
        yield Client(endpoint, bus, seconds, speak)


def _speak(data: Path, endpoint: Endpoint, key: Path | None) -> Speak:
    """Return how to say who we are: with a key, as the user of the endpoint, or as the first admin."""
    first = data.expanduser() / FIRST_KEY
    if key is None and endpoint.user:
        return vouched(endpoint.user)
    if key is None and not os.access(first, os.R_OK):
        return unsigned
    try:
        return signing(load((key or first).expanduser()))
    except (OSError, ValueError) as error:
        raise Mistake(f"--as {key or first}: {error}; covey user add NAME makes a key") from error


def _tls(url: str) -> ssl.SSLContext | None:
    authority = os.environ.get(AUTHORITY)
    return ssl.create_default_context(cafile=authority) if authority or url.startswith("tls:") else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _no_node(data: Path) -> str:
    return f"no node runs in {data}; choose another --data, or start one: covey up --node NAME --data {data}"
