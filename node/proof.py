"""Who says a message: what a user has signed, or the server vouches for, before anything of it is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from actors.rights.rights import VOUCHED
from bus.keys import verify
from messages import subjects
from messages.envelope import micros

SIGNED_SECONDS = 300
"""How far the instant of a signature may be from that of the message; its id makes a repeat harmless."""


class Proof(NamedTuple):
    """What stands for the sender (``Envelope.proof``), or what is wrong with it; nothing: it is unsigned."""

    of: str = ""
    fault: tuple[str, str] | None = None


UNSIGNED = Proof()
_PARTS = (subjects.SIGNER, subjects.SIGNED_AT, subjects.SIGNATURE)


def proven(subject: str, headers: Mapping[str, str], body: bytes, at: int) -> Proof:
    """Return who says a message that came at an instant, in microseconds since 1970."""
    speaker = subjects.speaker(subject)
    if speaker:
        return Proof(VOUCHED + speaker)
    if not any(name in headers for name in _PARTS):
        return UNSIGNED
    signer, signed_at, signature = (headers.get(name, "").strip() for name in _PARTS)
    if not (signer and signed_at and signature):
        return _wrong("bad_signature", f"a signed message has {', '.join(_PARTS)}")
    if not verify(signer, subjects.signed(subject, headers, body), signature):
        return _wrong("bad_signature", "its subject, id, instant, version or body is not what was signed")
    if not _is_fresh(signed_at, at):
        detail = f"it was signed more than {SIGNED_SECONDS} s before or after it came: set the clock"
        return _wrong("too_old", detail)
    if subjects.what(subject) != "ask" and not headers.get(subjects.MESSAGE_ID):
        return _wrong("bad_signature", f"a signed command has a {subjects.MESSAGE_ID}: it takes effect once")
    return Proof(signer)


def _is_fresh(signed_at: str, at: int) -> bool:
    try:
        signed = datetime.fromisoformat(signed_at)
        return abs(micros(signed) - at) <= SIGNED_SECONDS * 1_000_000
    except (ValueError, TypeError, OverflowError):  # no instant, or one without a time zone
        return False


def _wrong(code: str, detail: str) -> Proof:
    return Proof(fault=(code, detail))
