"""The edge: what comes over the bus becomes an envelope, with what is wrong with it noted."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bus.keys import is_sealed
from messages import subjects
from messages.envelope import OPERATOR, RETRY, Address, Envelope

BODY_BYTES_MAX = 256 * 1024
DEPTH_MAX = 32
VALUES_MAX = 50_000
ID_CHARACTERS_MAX = 200
EXCERPT_BYTES = 4096
"""How much of a body that is too large is kept as evidence."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

Fault = tuple[str, str]


class Edge:
    """Makes envelopes of what one node's bus delivers."""

    def __init__(self, node: str, secret: bytes) -> None:
        self._node = node
        self._secret = secret

    def envelope(
        self, subject: str, headers: Mapping[str, str], body: bytes, arrival: tuple[str, int, int]
    ) -> Envelope:
        """Make the envelope of a command.

        ``arrival`` is the id it gets when it brings none, its instant, and how often it was delivered.
        """
        given, at, attempt = arrival
        id = headers.get(subjects.MESSAGE_ID) or headers.get(subjects.CE_ID) or given
        to, verb, fault = _destination(subject)
        expect, wrong = _expect(headers.get(subjects.EXPECT))
        fault = fault or wrong or _oversize(body) or _bad_id(id)
        sender = headers.get(subjects.SENDER, OPERATOR)
        if sender != OPERATOR and not is_sealed(
            self._secret, headers.get(subjects.SEAL, ""), id, subject, sender
        ):
            fault = fault or ("bad_seal", f"{subjects.SENDER} is written by the node alone; leave it out")
            sender = OPERATOR
        return Envelope(
            id=id if not _bad_id(id) else given,
            to=to,
            verb=verb,
            body=body if len(body) <= BODY_BYTES_MAX else body[:EXCERPT_BYTES],
            at=at,
            sender=sender,
            correlation=headers.get(subjects.CORRELATION, ""),
            cause=headers.get(subjects.CAUSE, ""),
            expect=expect,
            traceparent=headers.get(subjects.TRACEPARENT, ""),
            attempt=attempt,
            is_call=subject.split(".", 3)[2:3] == ["call"],
            fault=fault,
        )


def _destination(subject: str) -> tuple[Address, str, Fault | None]:
    found = subjects.parse_command(subject)
    if found is not None:
        return Address(found.kind, found.id), found.verb, None
    kind = (subject.split(".") + [""] * 4)[3]
    kind = kind if subjects.is_token(kind) else "unknown"
    detail = (
        "a command's subject is covey.<node>.cmd.<kind>.<id>.<verb>, each 1 to 64 letters, digits, - or _"
    )
    return Address(kind, "invalid"), "invalid", ("invalid_subject", detail)


def _expect(text: str | None) -> tuple[int | None, Fault | None]:
    if text is None:
        return None, None
    if text == "retry":
        return RETRY, None
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text), None
    return None, ("invalid_header", f"{subjects.EXPECT} is a version (0, 1, …) or retry")


def _bad_id(id: str) -> Fault | None:
    if 0 < len(id) <= ID_CHARACTERS_MAX and id.isprintable():
        return None
    return ("invalid_header", f"an id has 1 to {ID_CHARACTERS_MAX} printable characters")


def _oversize(body: bytes) -> Fault | None:
    """Say what of the caps a body passes; looked at before anything is parsed."""
    if len(body) > BODY_BYTES_MAX:
        return ("too_large", f"the body has {len(body)} bytes; at most {BODY_BYTES_MAX} are taken")
    if body.count(b",") + body.count(b":") > VALUES_MAX:
        return ("too_large", f"the body has too many values; at most {VALUES_MAX} are taken")
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and depth(body) > DEPTH_MAX:
        return ("too_deep", f"the body is nested too deeply; at most {DEPTH_MAX} levels are taken")
    return None


def depth(body: bytes) -> int:
    """Return how deeply a JSON text is nested."""
    deepest = level = 0
    for byte in _STRING.sub(b"", body):
        if byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
    return deepest
