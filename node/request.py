"""What a request over HTTP says: its body, its query, its key, and who has signed it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from actors.workflow import triggers
from messages import subjects
from messages.envelope import instant
from messages.triggers import HttpTrigger
from node.keyring import is_signed
from node.proof import Proof, proven
from node.serving import Refused

KEY_CHARACTERS_MAX = 200
CHALLENGE = {"WWW-Authenticate": "covey-1"}
"""What a request is told that lacks a proof: the first line of what is signed."""


async def read_body(request: web.BaseRequest, seconds: float, bytes_max: int) -> bytes:
    """Return the body; raises Refused when it is too large, too slow, or packed."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(415, "unsupported_encoding", "send the body as it is")
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError as error:
        raise Refused(408, "too_slow", f"the request took more than {seconds:g} s") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise Refused(413, "too_large", f"a body has at most {bytes_max} bytes") from error


def check_signature(request: web.BaseRequest, body: bytes, key: bytes | None, now: int) -> None:
    """Raise Refused unless the body is signed with a key, within the tolerance."""
    id, timestamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if key is None:
        raise Refused(503, "no_secret", "what checks the signature is not set up")
    signatures = triggers.signatures(request.headers.get("webhook-signature", ""))
    is_right = is_signed(key, triggers.signed(id, timestamp, body), signatures)
    if not id or not is_right or not triggers.is_timely(timestamp, instant(now)):
        detail = "webhook-id, webhook-timestamp and webhook-signature do not go with the body"
        raise Refused(401, "bad_signature", detail)


def proof_of(request: web.BaseRequest, node: str, body: bytes, now: int) -> str:
    """Return the public key that has signed a request, or nothing; raises Refused when it is not as signed.

    It is signed as a command is, with the method and the target in place of a subject.
    """
    subject = subjects.request(node, request.method, request.raw_path)
    try:
        proof = proven(subject, request.headers, body, now)
    except UnicodeEncodeError:  # bytes that are no text, in a header or the target
        proof = Proof(fault=("bad_signature", "what is signed is text"))
    if proof.fault is not None:
        raise Refused(401, *proof.fault, CHALLENGE)
    return proof.of


def query_of(request: web.BaseRequest) -> dict[str, Any]:
    """Return the query: a text by each name, or a list of them where it is said again."""
    found: dict[str, Any] = {}
    for name in request.rel_url.query:
        values = request.rel_url.query.getall(name)
        found[name] = values[0] if len(values) == 1 else values
    return found


def key_of(request: web.BaseRequest, trigger: HttpTrigger) -> str:
    """Return what repeats of one request have in common; of a signed one, what was signed."""
    if trigger.access is not None:
        key = request.headers.get(subjects.MESSAGE_ID, "").strip()
    else:
        own = "" if trigger.secret is not None else request.headers.get("Idempotency-Key", "")
        key = own or request.headers.get("webhook-id", "")
    if len(key) > KEY_CHARACTERS_MAX:
        raise Refused(400, "invalid_key", f"a key has at most {KEY_CHARACTERS_MAX} characters")
    return key
