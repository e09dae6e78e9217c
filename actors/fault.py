"""What is wrong with something that is saved: every fault at once, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from actors.actor import Rejected

TOLD_MAX = 100
"""How many faults a refusal tells."""


class Fault(NamedTuple):
    """One thing that is wrong."""

    code: str
    at: str
    """A JSON pointer."""
    detail: str
    flags: tuple[str, ...] = ()
    """The flags that show it: a path, or those that collide."""


def pointer(*steps: str | int) -> str:
    """Return a JSON pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def reject(faults: Sequence[Fault]) -> None:
    """Raise Rejected for the first fault, telling the others beside it; do nothing when there is none."""
    if not faults:
        return
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    told = [fault._asdict() for fault in faults[:TOLD_MAX]]
    extra: dict[str, Any] = {"faults": told} | ({"flags": first.flags} if first.flags else {})
    raise Rejected(first.code, first.detail + more, at=first.at, extra=extra)
