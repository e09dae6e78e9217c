"""The versions of what a workflow runs, and of what begins it: each edit makes one, none changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from actors.actor import Rejected
from actors.definition.refusal import must_run
from messages.envelope import Unread
from messages.triggers import Triggers
from messages.workflow import Definition
from messages.workflow_events import Saved

KEPT = timedelta(days=30)
"""How long a version is kept after the next one has taken its place."""
VERSIONS_MAX = 100
"""When there are more in that time, the oldest go before it."""
BYTES_MAX = 48 * 1024
"""How large a definition may be: a run brings it along in its messages."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One definition with its triggers, as it was saved."""

    number: int
    definition: dict[str, Any] | None
    author: str
    at: datetime
    triggers: Triggers = ()


def check(definition: dict[str, Any] | None, unread: Sequence[Unread] = ()) -> None:
    """Raise Rejected, naming the place of each fault, when a definition cannot be run."""
    if definition is None:
        return
    size = len(msgspec.json.encode(definition))
    if size > BYTES_MAX:
        detail = f"the definition has {size} bytes, at most {BYTES_MAX} are taken; call other workflows"
        raise Rejected("invalid_definition", detail, at="/definition")
    must_run(definition, unread)


def number(versions: tuple[Version, ...], saved: Definition) -> int:
    """Return the number of what is saved now: the present one if nothing has changed in it."""
    if not versions:
        return 0 if saved.definition is None else 1
    last = versions[-1]
    is_same = (last.definition, last.triggers) == (saved.definition, saved.triggers)
    return last.number if is_same else last.number + 1


def after(versions: tuple[Version, ...], saved: Saved) -> tuple[Version, ...]:
    """Return the versions after a save; those that were replaced long ago are forgotten."""
    if saved.at is None or saved.workflow_version in (0, versions[-1].number if versions else 0):
        return versions
    version = Version(
        number=saved.workflow_version,
        definition=saved.definition,
        triggers=saved.triggers,
        author=saved.author,
        at=saved.at,
    )
    # a version was replaced when the one after it was saved
    replaced = [*(later.at for later in versions[1:]), saved.at]
    kept = [one for one, at in zip(versions, replaced, strict=False) if saved.at - at < KEPT]
    return (*kept, version)[-VERSIONS_MAX:]


def find(versions: tuple[Version, ...], number: int) -> Version:
    """Return a version; raises Rejected when it is not kept."""
    for one in versions:
        if one.number == number:
            return one
    known = ", ".join(str(one.number) for one in versions) or "none"
    raise Rejected("unknown_version", f"version {number} is not kept; there are {known}")
