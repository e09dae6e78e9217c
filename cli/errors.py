"""How a command ends: done, refused or failed, or the operator's mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DONE = 0
FAILED = 1
MISTAKE = 2


class Mistake(Exception):
    """The operator can mend it; nothing was sent."""


class Failed(Exception):
    """The node refused, or did not answer."""


class Refused(Failed):
    """The node refused, with a code."""

    def __init__(self, code: str, told: str) -> None:
        super().__init__(told)
        self.code = code


def reason_of(outcome: Mapping[str, Any]) -> str:
    """Return why an outcome is a refusal, in one line."""
    return reason(outcome.get("code", ""), outcome.get("detail", ""), outcome.get("at", ""))


def reason(code: str, detail: str, at: str = "") -> str:
    """Return a refusal in one line."""
    place = f" (at {at})" if at else ""
    return f"{code}: {detail}{place}" if detail else f"{code}{place}"
