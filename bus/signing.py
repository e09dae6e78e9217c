"""Signing what a user says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bus.keys import Key
from messages import subjects


def signed(
    key: Key, subject: str, headers: Mapping[str, str], body: bytes, at: datetime | None = None
) -> dict[str, str]:
    """Return the headers with a signature over all that matters; ``at`` is now unless it is given."""
    when = (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z")
    told = {**headers, subjects.SIGNER: key.public, subjects.SIGNED_AT: when}
    return {**told, subjects.SIGNATURE: key.sign(subjects.signed(subject, told, body))}
