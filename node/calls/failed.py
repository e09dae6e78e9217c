"""How a call fails: the standard type of the problem, its status, and words that hold no secret."""

from __future__ import annotations

from node.calls.egress import Refused


class Failed(Exception):
    """A call has failed; ``word`` is a standard type of error: ``communication``, ``configuration``, …"""

    def __init__(self, word: str, detail: str, status: int = 0) -> None:
        super().__init__(detail)
        self.word = word
        self.detail = detail
        self.status = status


def misconfigured(detail: str) -> Failed:
    """Return the failure of a call that no repeat mends: what it was given is wrong."""
    return Failed("configuration", detail)


def refused(error: Refused) -> Failed:
    """Return the failure of a call to where none may go."""
    return Failed("authorization", str(error))
