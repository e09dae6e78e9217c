"""The refusal of a definition: all that is wrong with it, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.actor import Rejected
from actors.definition.check import FAULTS_MAX, check
from messages.envelope import Unread


def must_run(definition: dict[str, Any], unread: Sequence[Unread]) -> None:
    """Raise Rejected, naming the place of each fault; ``unread`` are expressions that are none."""
    wrong = [*check(definition), *unread][:FAULTS_MAX]
    if not wrong:
        return
    told = [{"at": f"/definition{at}", "detail": detail} for at, detail in wrong]
    detail = wrong[0][1] + (f" (and {len(wrong) - 1} more faults)" if len(wrong) > 1 else "")
    raise Rejected("invalid_definition", detail, at=told[0]["at"], extra={"faults": told})
