"""The edge: what comes over the bus becomes an envelope, with what is wrong with it noted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bus.keys import is_sealed
from messages import subjects
from messages.envelope import NOBODY, OPERATOR, RETRY, Address, Envelope
from messages.headers import HeaderLines
from node.proof import UNSIGNED, proven
from store.step import Outgoing

BODY_BYTES_MAX = 256 * 1024
DEPTH_MAX = 32
VALUES_MAX = 50_000
ID_CHARACTERS_MAX = 200
HEADER_CHARACTERS_MAX = 512
PASSED_ON = (subjects.CAUSE, subjects.CORRELATION, subjects.TRACEPARENT)
"""Headers of a message that those it causes carry too."""
EXCERPT_BYTES = 4096
"""How much of a body that is too large is kept as evidence."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

Fault = tuple[str, str]

Arrival = tuple[Callable[[], str], int, int]
"""What makes an id, the instant in microseconds, and how often it was delivered."""


class Edge:
    """Makes envelopes of what one node's bus delivers."""

    def __init__(
        self, node: str, secret: bytes, is_stranger: Callable[[str], bool] = lambda _proof: False
    ) -> None:
        self._node = node
        self._secret = secret
        self._is_stranger = is_stranger
        """Says of a proof, or of none (empty), whether nobody is known now whom it stands for."""

    def order(self, row: Outgoing, at: int) -> Envelope:
        """Make the envelope of a command that this node itself has ordered, as if the bus brought it."""
        headers = HeaderLines(row.headers)
        return self._envelope(row.subject, headers, row.body, (lambda: row.message, at, 1), is_own=True)

    def envelope(self, subject: str, headers: Mapping[str, str], body: bytes, arrival: Arrival) -> Envelope:
        """Make the envelope of a command.

        ``arrival`` makes the id it gets when it brings none, and says when and how often it came.
        """
        return self._envelope(subject, headers, body, arrival)

    def _envelope(
        self, subject: str, headers: Mapping[str, str], body: bytes, arrival: Arrival, *, is_own: bool = False
    ) -> Envelope:
        make_id, at, attempt = arrival
        id = headers.get(subjects.MESSAGE_ID) or headers.get(subjects.CE_ID) or make_id()
        to, verb, fault = _destination(subjects.plain(subject))
        expect, wrong = _expect(headers.get(subjects.EXPECT))
        fault = fault or wrong or _oversize(body) or _bad_id(id) or _long_header(headers)
        kept = {} if fault else headers
        sender, proof = headers.get(subjects.SENDER, OPERATOR), UNSIGNED
        if sender == OPERATOR:
            proof = proven(subject, headers, body, at)
            fault = fault or proof.fault
            sender = NOBODY if proof.of or proof.fault else OPERATOR
        elif not is_own and not is_sealed(self._secret, id, subject, headers, body):
            fault = fault or ("bad_seal", f"{subjects.SENDER} is written by the node alone; leave it out")
            sender = NOBODY if subjects.speaker(subject) else OPERATOR
        if sender in (NOBODY, OPERATOR) and (proof.fault or self._is_stranger(proof.of)):
            id = make_id()  # else it would take the id from whoever it belongs to
        return Envelope(
            id=make_id() if _bad_id(id) else id,
            to=to,
            verb=verb,
            body=body if len(body) <= BODY_BYTES_MAX else body[:EXCERPT_BYTES],
            at=at,
            sender=sender,
            correlation=kept.get(subjects.CORRELATION, ""),
            cause=kept.get(subjects.CAUSE, ""),
            expect=expect,
            traceparent=kept.get(subjects.TRACEPARENT, ""),
            attempt=attempt,
            proof=proof.of,
            is_call=subjects.what(subject) == "call" or bool(subjects.speaker(subject)),
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


def _long_header(headers: Mapping[str, str]) -> Fault | None:
    for name in PASSED_ON:
        if len(headers.get(name, "")) > HEADER_CHARACTERS_MAX:
            return ("invalid_header", f"{name} has more than {HEADER_CHARACTERS_MAX} characters")
    return None


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
